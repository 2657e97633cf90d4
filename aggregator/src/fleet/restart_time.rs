//! The values of the restart annotation. For each deployment each is later than the one before, whatever the clock does: an agent
//! takes an earlier one for a late duplicate. A value is reserved until its write is begun; that of a write that never was is free again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus_schema::timing::RESTART_MINTED_AHEAD;
use bus_schema::verb::RestartDeployment;
use bus_schema::{ClusterName, Namespace, WorkloadName, whole_seconds};
use jiff::{SignedDuration, Timestamp};

use crate::problem::{Problem, ProblemCode};

type Key = (ClusterName, Namespace, WorkloadName);

/// Deployments that are remembered; when there are more, those whose time has passed are forgotten.
const REMEMBERED: usize = 10_000;

/// The values for each deployment that was restarted lately.
#[derive(Debug, Clone, Default)]
pub(super) struct RestartTimes(Arc<Mutex<BTreeMap<Key, Times>>>);

#[derive(Debug, Default)]
struct Times {
    /// The last one whose write was begun.
    last: Option<Timestamp>,
    reserved: BTreeSet<Timestamp>,
}

/// A value that nobody else gets. Dropped without [`keep`](Self::keep) it is as if it had never been asked for.
#[derive(Debug)]
pub(super) struct ReservedTime {
    times: RestartTimes,
    key: Key,
    time: Timestamp,
}

impl RestartTimes {
    /// The next value for a deployment: now, or a second after the one before.
    ///
    /// # Errors
    /// When so many restarts were begun that it would lie more than [`RESTART_MINTED_AHEAD`] ahead.
    pub(super) fn reserve(&self, key: Key, now: Timestamp) -> Result<ReservedTime, Problem> {
        let now = whole_seconds(now);
        let mut all = self.lock();
        if all.len() >= REMEMBERED {
            all.retain(|_, times| times.latest() >= Some(now));
        }
        let Some(time) = next(all.get(&key).and_then(Times::latest), now) else {
            let (_, namespace, name) = &key;
            let detail = format!(
                "{namespace}/{name} is restarted more often than once a second; try again in a minute"
            );
            return Err(Problem::new(ProblemCode::RateLimited, detail));
        };
        all.entry(key.clone()).or_default().reserved.insert(time);
        Ok(ReservedTime {
            times: self.clone(),
            key,
            time,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Times>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None` where restarts are ordered faster than time passes.
fn next(latest: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let Some(latest) = latest.filter(|latest| *latest >= now) else {
        return Some(now);
    };
    let next = latest + SignedDuration::from_secs(1);
    if RestartDeployment::is_too_far_ahead(next, now) {
        // The clock was set back so far that agents take the last value for no restart.
        return Some(now);
    }
    let limit = now + RESTART_MINTED_AHEAD;
    // Behind the limit already, the clock was set back a little.
    (next <= limit || latest > limit).then_some(next)
}

impl Times {
    fn latest(&self) -> Option<Timestamp> {
        self.last.max(self.reserved.last().copied())
    }
}

impl ReservedTime {
    /// The value.
    pub(super) fn time(&self) -> Timestamp {
        self.time
    }

    /// Its write is begun: from now on, values are later than this one.
    pub(super) fn keep(self) {
        let mut all = self.times.lock();
        all.entry(self.key.clone()).or_default().last = Some(self.time);
    }
}

impl Drop for ReservedTime {
    fn drop(&mut self) {
        let mut all = self.times.lock();
        let Some(times) = all.get_mut(&self.key) else {
            return;
        };
        times.reserved.remove(&self.time);
        if times.latest().is_none() {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        (
            "a".parse().unwrap(),
            "shop".parse().unwrap(),
            name.parse().unwrap(),
        )
    }

    fn now() -> Timestamp {
        "2026-03-01T10:00:00.5Z".parse().unwrap()
    }

    /// Reserves and keeps.
    fn begun(times: &RestartTimes, name: &str, now: Timestamp) -> Timestamp {
        let reserved = times.reserve(key(name), now).unwrap();
        let time = reserved.time();
        reserved.keep();
        time
    }

    #[test]
    fn times_only_rise_even_when_the_clock_goes_back() {
        let times = RestartTimes::default();
        let first = begun(&times, "cart", now());
        assert_eq!(first.to_string(), "2026-03-01T10:00:00Z");
        let again = begun(&times, "cart", now());
        assert!(again > first);
        let back = now() - SignedDuration::from_mins(3);
        assert!(begun(&times, "cart", back) > again);
        assert_eq!(
            begun(&times, "till", now()),
            first,
            "another deployment has a time of its own"
        );
    }

    /// So far back that agents refuse the value that would follow, and overwrite the one before.
    #[test]
    fn a_clock_that_was_far_ahead_does_not_stop_restarts() {
        let times = RestartTimes::default();
        begun(&times, "cart", now() + SignedDuration::from_hours(1));
        assert_eq!(begun(&times, "cart", now()), whole_seconds(now()));
    }

    #[test]
    fn a_write_that_was_not_begun_leaves_no_trace() {
        let times = RestartTimes::default();
        let first = begun(&times, "cart", now());
        for _ in 0..4000 {
            drop(times.reserve(key("cart"), now()).unwrap());
            drop(times.reserve(key("till"), now()).unwrap());
        }
        let second = SignedDuration::from_secs(1);
        let [one, two] = [(); 2].map(|()| times.reserve(key("cart"), now()).unwrap());
        assert_eq!(
            (one.time(), two.time()),
            (first + second, first + second * 2)
        );
        drop(one);
        drop(two);
        assert_eq!(begun(&times, "cart", now()), first + second);
        assert_eq!(times.lock().len(), 1, "nothing is remembered of till");
    }

    #[test]
    fn who_restarts_faster_than_time_passes_is_refused() {
        let times = RestartTimes::default();
        let first = begun(&times, "cart", now());
        for _ in 0..60 {
            begun(&times, "cart", now());
        }
        let problem = times.reserve(key("cart"), now()).unwrap_err();
        assert_eq!(problem.code, ProblemCode::RateLimited);
        let later = begun(&times, "cart", now() + SignedDuration::from_secs(1));
        assert_eq!(later, first + SignedDuration::from_secs(61));
    }
}
