//! Which transitions of runs a webhook is still to be notified of. Pure: functions of the runs, what was handled, and the time.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use runs::{Run, Transition};

use crate::webhook::Webhook;

/// After this time a notification is dropped: it is news no longer.
pub const DROPPED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A notification that is to be delivered.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The run.
    pub run: Arc<Run>,
    /// Its transition.
    pub transition: Transition,
}

impl Pending {
    /// Whether it is too old to be delivered.
    pub fn is_too_old(&self, now: Timestamp) -> bool {
        now.duration_since(self.transition.time) > DROPPED_AFTER
    }
}

/// The next notification of each run, the oldest first: those of one run are delivered in order. `since`: what happened before is left out.
/// `handled`: the number of the last transition of a run that needs no delivery any more.
pub fn pending(
    webhook: &Webhook,
    since: Timestamp,
    runs: Vec<Arc<Run>>,
    handled: impl Fn(&Run) -> u64,
) -> Vec<Pending> {
    let next = |run: Arc<Run>| {
        let handled = handled(&run);
        let mut open = run.transitions.iter();
        let transition =
            open.find(|it| it.number > handled && it.time >= since && webhook.wants(&run, it));
        let transition = transition?.clone();
        Some(Pending { run, transition })
    };
    let mut pending: Vec<_> = runs.into_iter().filter_map(next).collect();
    pending.sort_by_key(|it| it.transition.time);
    pending
}

#[cfg(test)]
pub mod tests {
    use bus_schema::Pattern;
    use runs::RunState;
    use serde_json::json;

    use super::*;
    use crate::address::Reach;
    use crate::webhook::Format;

    pub fn transition(number: u64, state: RunState, second: i64) -> Transition {
        Transition {
            number,
            state,
            time: Timestamp::from_second(second).unwrap(),
            detail: (state == RunState::Failed).then(|| "2 < 3\n of them".to_owned()),
            user: None,
        }
    }

    /// A run in the clusters `a` and `prod-b`, which was paused and has failed.
    pub fn run() -> Run {
        let transitions = [
            transition(1, RunState::Running, 10),
            transition(2, RunState::Paused, 20),
            transition(3, RunState::Failed, 30),
        ];
        let run = json!({
            "id": "019c-ab", "spec": { "action": "restart", "targets": {}, "reason": "A & B" },
            "user": "<!channel>", "created_at": "1970-01-01T00:00:10Z", "expires_at": "1970-01-02T00:00:00Z",
            "plan_hash": "", "targets": 4, "waves": 2, "stages": [], "clusters": ["a", "prod-b"],
            "revision": 3, "desired": "run", "state": "failed", "attempt": 1, "transitions": transitions,
        });
        serde_json::from_value(run).unwrap()
    }

    fn webhook(states: &[RunState], clusters: Option<&str>) -> Webhook {
        Webhook {
            name: "on-call".to_owned(),
            format: Format::Slack,
            states: states.to_vec(),
            clusters: clusters.map(|it| vec![it.parse::<Pattern>().unwrap()]),
            url: "https://hooks.example".parse().unwrap(),
            reach: Reach::Public,
        }
    }

    fn numbers(webhook: &Webhook, since: i64, handled: u64) -> Vec<u64> {
        let since = Timestamp::from_second(since).unwrap();
        let pending = pending(webhook, since, vec![Arc::new(run())], |_| handled);
        pending.iter().map(|it| it.transition.number).collect()
    }

    #[test]
    fn the_transitions_of_a_run_are_delivered_one_after_the_other_and_each_once() {
        let both = webhook(&[RunState::Paused, RunState::Failed], None);
        assert_eq!(numbers(&both, 0, 0), [2]);
        assert_eq!(numbers(&both, 0, 2), [3]);
        assert!(numbers(&both, 0, 3).is_empty());
    }

    #[test]
    fn only_the_states_and_clusters_of_the_webhook_count() {
        assert_eq!(numbers(&webhook(&[RunState::Failed], None), 0, 0), [3]);
        assert!(numbers(&webhook(&[RunState::Succeeded], None), 0, 0).is_empty());
        assert_eq!(
            numbers(&webhook(&[RunState::Failed], Some("prod-*")), 0, 0),
            [3]
        );
        assert!(numbers(&webhook(&[RunState::Failed], Some("test-*")), 0, 0).is_empty());
    }

    #[test]
    fn a_new_webhook_does_not_get_what_happened_before() {
        let both = webhook(&[RunState::Paused, RunState::Failed], None);
        assert_eq!(numbers(&both, 25, 0), [3]);
        assert!(numbers(&both, 31, 0).is_empty());
    }

    #[test]
    fn a_notification_is_dropped_after_a_day() {
        let pending = Pending {
            run: Arc::new(run()),
            transition: transition(3, RunState::Failed, 30),
        };
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        assert!(!pending.is_too_old(at(30 + 86_400)));
        assert!(pending.is_too_old(at(31 + 86_400)));
    }
}
