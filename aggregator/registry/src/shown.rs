//! How a cluster was shown last, and when it may be shown anew.

use std::time::Duration;

use super::bus_liveness::LivenessEpoch;
use super::view::ClusterView;
use limits::{Limit, Window};

/// How often one cluster is shown anew at once. What is more than that is shown later, all together.
const SHOWN: Limit = Limit {
    most: 4,
    within: Duration::from_secs(1),
};

/// How a cluster was shown last. When a part is shown depends on that part alone: its reader does not learn from the time when the
/// rest has changed.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub whole: Last,
    pub part: Last,
}

#[derive(Debug, Default)]
pub(super) struct Last {
    pub view: Option<Box<ClusterView>>,
    times: Window,
}

impl Last {
    /// Whether it is to be shown now; `same` compares with what was shown last.
    pub fn is_due(&mut self, now: LivenessEpoch, same: impl FnOnce(&ClusterView) -> bool) -> bool {
        !self.view.as_deref().is_some_and(same) && self.times.take(1, SHOWN, now.at)
    }
}
