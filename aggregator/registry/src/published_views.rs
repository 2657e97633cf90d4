//! The last published view of a cluster, and when the next one may be published.

use std::time::Duration;

use super::bus_liveness::LivenessEpoch;
use super::view::ClusterView;
use limits::{Limit, Window};

/// How many views of one cluster are published at once. Further changes are published later, all together.
const SHOWN: Limit = Limit {
    most: 4,
    within: Duration::from_secs(1),
};

/// The last published views of a cluster. When the partial view is published depends only on that part, so that its readers do not learn when
/// the rest has changed.
#[derive(Debug, Default)]
pub(super) struct PublishedViews {
    pub whole: Last,
    pub part: Last,
}

#[derive(Debug, Default)]
pub(super) struct Last {
    pub view: Option<Box<ClusterView>>,
    times: Window,
}

impl Last {
    /// Whether to publish now; `same` compares with the last published view.
    pub fn is_due(&mut self, now: LivenessEpoch, same: impl FnOnce(&ClusterView) -> bool) -> bool {
        !self.view.as_deref().is_some_and(same) && self.times.take(1, SHOWN, now.at)
    }
}
