//! How much the agents of each cluster may say on a subject that all clusters share. Decided by the subject alone, which the broker
//! authenticates, before anything is read: what is beyond the limit must cost less than it costs to send, or a flood of one cluster
//! would fill the subscription, and the client would drop the others' messages.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bus_schema::ClusterName;

use super::Fleet;
use crate::registry::{Limit, Take, Window};

const WITHIN: Duration = Duration::from_secs(5);

/// Heartbeats: those of 32 instances that each send one a second, and their answers to a roll call.
pub const HEARTBEATS: Limit = Limit {
    most: 256,
    within: WITHIN,
};

/// Changes of deployments: two messages a second of each of 32 instances, and three times as many.
pub const CHANGES: Limit = Limit {
    most: 1_024,
    within: WITHIN,
};

/// Answers to questions to all clusters: one for each question, of which no aggregator asks 3,000 a second.
pub const ANSWERS: Limit = Limit {
    most: 16_384,
    within: WITHIN,
};

/// Clusters that are remembered before it is looked whether all of them still say something.
const REMEMBERED: usize = 1_024;

/// The limits of one subscription.
#[derive(Debug)]
pub struct RateLimits {
    limit: Limit,
    windows: HashMap<ClusterName, Window>,
    prune_at: usize,
}

impl RateLimits {
    /// So much for each cluster.
    pub fn new(limit: Limit) -> Self {
        Self {
            limit,
            windows: HashMap::new(),
            prune_at: REMEMBERED,
        }
    }

    /// Whether one more message of this cluster is to be read.
    pub fn take(&mut self, cluster: &ClusterName, now: Instant) -> Take {
        if let Some(window) = self.windows.get_mut(cluster) {
            return window.charge(1, self.limit, now);
        }
        if self.windows.len() >= self.prune_at {
            let within = self.limit.within;
            self.windows
                .retain(|_, window| !window.is_over(within, now));
            self.prune_at = REMEMBERED.max(2 * self.windows.len());
        }
        let window = self.windows.entry(cluster.clone()).or_default();
        window.charge(1, self.limit, now)
    }
}

impl Fleet {
    /// Whether a message of this cluster is to be read; that one is beyond the limit is shown as a condition of the cluster.
    pub(super) fn is_within(&self, limits: &mut RateLimits, cluster: &ClusterName) -> bool {
        match limits.take(cluster, Instant::now()) {
            Take::Fits => true,
            Take::Overflows => {
                self.metrics.left_out();
                self.misbehaves(
                    cluster,
                    "sends more messages than an agent does, which are left out",
                    None,
                );
                false
            }
            Take::Full => {
                self.metrics.left_out();
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        most: 3,
        within: WITHIN,
    };

    fn cluster(number: usize) -> ClusterName {
        format!("c{number}").parse().expect("a name")
    }

    #[test]
    fn a_cluster_that_says_too_much_is_left_out_and_no_other() {
        let (mut limits, now) = (RateLimits::new(LIMIT), Instant::now());
        let said: Vec<Take> = (0..6).map(|_| limits.take(&cluster(1), now)).collect();
        use Take::{Fits, Full, Overflows};
        assert_eq!(said, [Fits, Fits, Fits, Overflows, Full, Full]);
        assert_eq!(limits.take(&cluster(2), now), Fits);
        assert_eq!(limits.take(&cluster(1), now + WITHIN), Fits);
    }

    #[test]
    fn clusters_that_are_silent_are_not_remembered() {
        let (mut limits, start) = (RateLimits::new(LIMIT), Instant::now());
        for number in 0..100_000 {
            let now = start + WITHIN * u32::try_from(number / 100).expect("small");
            limits.take(&cluster(number), now);
        }
        assert!(
            limits.windows.len() <= REMEMBERED,
            "{}",
            limits.windows.len()
        );
    }
}
