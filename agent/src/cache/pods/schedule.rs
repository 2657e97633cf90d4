//! Decides which workloads' pods are inspected and when: a bounded number per second, and less often the longer a workload stays
//! unchanged. A value: time is an argument.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::workloads::Version;
use crate::jitter;

/// A workload has this long to become ready by itself before its pods are inspected.
const BEFORE_FIRST: Duration = Duration::from_secs(1);
/// The initial interval between two inspections of a workload.
const SHORTEST: Duration = Duration::from_secs(3);
/// The interval once it has stayed unchanged for a while.
const LONGEST: Duration = Duration::from_secs(15);
/// The interval after the API server has refused one: permissions do not change every second.
const AFTER_REFUSAL: Duration = Duration::from_secs(300);

/// By the key of the workload.
#[derive(Debug, Default)]
pub struct Schedule(HashMap<Arc<str>, State>);

#[derive(Debug)]
struct State {
    version: Version,
    pause: Duration,
    /// `None` while it is being inspected.
    due: Option<Instant>,
}

/// The result of an inspection of a workload's pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Different from the last time.
    Changed,
    /// The same, or no response.
    Same,
    /// The agent may not list pods.
    Refused,
}

impl Schedule {
    /// Whether there is nothing to inspect.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets the workloads to inspect.
    pub fn replace<'a>(
        &mut self,
        wanted: impl Iterator<Item = (&'a str, &'a Version)>,
        now: Instant,
    ) {
        let mut states = HashMap::with_capacity(self.0.len());
        for (key, version) in wanted {
            let (key, state) = match self.0.remove_entry(key) {
                Some((key, state)) if state.version == *version => (key, state),
                Some((key, _)) => (key, State::new(version, now)),
                None => (key.into(), State::new(version, now)),
            };
            states.insert(key, state);
        }
        self.0 = states;
    }

    /// Takes at most `most` due workloads, the longest waiting first.
    pub fn take(&mut self, most: usize, now: Instant) -> Vec<(Arc<str>, Version)> {
        let due = self
            .0
            .iter()
            .filter_map(|(key, state)| Some((state.due?, key)));
        let mut due: Vec<_> = due.filter(|(due, _)| *due <= now).collect();
        due.sort_unstable();
        let keys: Vec<Arc<str>> = due
            .into_iter()
            .take(most)
            .map(|(_, key)| key.clone())
            .collect();
        let take = |key: Arc<str>| {
            let state = self.0.get_mut(&key)?;
            state.due = None;
            Some((key, state.version.clone()))
        };
        keys.into_iter().filter_map(take).collect()
    }

    /// Records the outcome of an inspection. The outcome for an outdated version says nothing about the current one.
    pub fn record(&mut self, key: &str, version: &Version, outcome: Outcome, now: Instant) {
        let state = self
            .0
            .get_mut(key)
            .filter(|state| state.version == *version);
        let Some(state) = state else {
            return;
        };
        let pause = match outcome {
            Outcome::Changed => SHORTEST,
            Outcome::Same => state.pause,
            Outcome::Refused => AFTER_REFUSAL,
        };
        state.due = Some(now + jitter::around(pause));
        state.pause = (pause * 2).min(LONGEST);
    }
}

impl State {
    fn new(version: &Version, now: Instant) -> Self {
        Self {
            version: version.clone(),
            pause: SHORTEST,
            due: Some(now + BEFORE_FIRST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(schedule: &mut Schedule, keys: &[&str], version: &Version, now: Instant) {
        schedule.replace(keys.iter().map(|key| (*key, version)), now);
    }

    fn taken(schedule: &mut Schedule, most: usize, now: Instant) -> Vec<Arc<str>> {
        schedule
            .take(most, now)
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    }

    #[test]
    fn unchanged_deployments_are_inspected_less_often_and_healthy_ones_never() {
        let (mut schedule, start, version) = (
            Schedule::default(),
            Instant::now(),
            Version::of_generation(1),
        );
        plan(&mut schedule, &["a"], &version, start);
        assert!(taken(&mut schedule, 9, start).is_empty(), "it has a moment");
        let (mut intervals, mut last) = (Vec::new(), start);
        for tenths in 0..1200 {
            let now = start + Duration::from_millis(100) * tenths;
            for key in taken(&mut schedule, 9, now) {
                intervals.push(now - last);
                last = now;
                schedule.record(&key, &version, Outcome::Same, now);
            }
        }
        assert!((8..14).contains(&intervals.len()), "{intervals:?}");
        assert!(
            intervals[1..]
                .iter()
                .all(|pause| *pause > Duration::from_millis(2_600)),
            "{intervals:?}"
        );
        assert!(
            intervals[5..]
                .iter()
                .all(|pause| *pause > Duration::from_secs(13)),
            "{intervals:?}"
        );
        plan(&mut schedule, &[], &version, last);
        assert!(schedule.is_empty());
    }

    #[test]
    fn many_deployments_take_turns_the_longest_waiting_first() {
        let (mut schedule, start, version) = (
            Schedule::default(),
            Instant::now(),
            Version::of_generation(1),
        );
        plan(&mut schedule, &["c"], &version, start);
        let later = start + Duration::from_millis(1);
        plan(&mut schedule, &["a", "b", "c"], &version, later);
        let now = later + BEFORE_FIRST;
        assert_eq!(taken(&mut schedule, 2, now), ["c".into(), "a".into()]);
        assert_eq!(
            taken(&mut schedule, 2, now),
            ["b".into()],
            "none is inspected twice at the same time"
        );
    }

    #[test]
    fn a_newer_version_is_inspected_soon_and_a_refused_one_late() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let (old, new) = (Version::of_generation(1), Version::of_generation(2));
        plan(&mut schedule, &["a"], &old, start);
        let now = start + BEFORE_FIRST;
        let (key, _) = schedule.take(1, now).remove(0);
        plan(&mut schedule, &["a"], &new, now);
        schedule.record(&key, &old, Outcome::Refused, now);
        let now = now + BEFORE_FIRST;
        assert_eq!(taken(&mut schedule, 1, now).len(), 1);
        schedule.record(&key, &new, Outcome::Refused, now);
        assert!(taken(&mut schedule, 1, now + Duration::from_secs(200)).is_empty());
        assert_eq!(
            taken(&mut schedule, 1, now + Duration::from_secs(400)).len(),
            1
        );
    }
}
