//! The values of the restart annotation. For each deployment each is later than the one before, whatever the clock does: an agent
//! takes an earlier one for a late duplicate.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bus_schema::{ClusterName, DeploymentName, Namespace, whole_seconds};
use jiff::{SignedDuration, Timestamp};

type Key = (ClusterName, Namespace, DeploymentName);

/// Deployments that are remembered; when there are more, those whose time has passed are forgotten.
const REMEMBERED: usize = 10_000;

/// The last value for each deployment that was restarted lately.
#[derive(Debug, Default)]
pub(super) struct RestartTimes {
    last: Mutex<BTreeMap<Key, Timestamp>>,
}

impl RestartTimes {
    /// The next value for a deployment: now, or a second after the one before.
    pub(super) fn next(&self, key: Key, now: Timestamp) -> Timestamp {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let second = SignedDuration::from_secs(1);
        let now = whole_seconds(now);
        let next = last
            .get(&key)
            .map_or(now, |before| now.max(*before + second));
        if last.len() >= REMEMBERED {
            last.retain(|_, time| *time >= now);
        }
        last.insert(key, next);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_only_rise_even_when_the_clock_goes_back() {
        let times = RestartTimes::default();
        let key = |name: &str| {
            (
                "a".parse().unwrap(),
                "shop".parse().unwrap(),
                name.parse().unwrap(),
            )
        };
        let now: Timestamp = "2026-03-01T10:00:00.5Z".parse().unwrap();
        let first = times.next(key("cart"), now);
        assert_eq!(first.to_string(), "2026-03-01T10:00:00Z");
        let again = times.next(key("cart"), now);
        assert!(again > first);
        assert!(times.next(key("cart"), now - SignedDuration::from_hours(1)) > again);
        assert_eq!(
            times.next(key("till"), now),
            first,
            "another deployment has a time of its own"
        );
    }
}
