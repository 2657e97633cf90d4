//! Which runs are removed so that the bucket has room for new ones. Pure.

use std::sync::Arc;

use crate::record::Run;

/// The most runs that are kept.
const MOST_RUNS: usize = 1000;

/// The most targets of all runs together: at 600 bytes each they take 180 MB of the bucket.
pub const MOST_TARGETS: u64 = 300_000;

/// The runs that go, of all in any order: the first that ended, until what is left fits.
#[must_use]
pub fn surplus(runs: &[Arc<Run>]) -> Vec<Arc<Run>> {
    let (mut count, mut targets) = (runs.len(), targets(runs));
    let mut ended: Vec<_> = runs.iter().filter(|run| run.state.is_ended()).collect();
    ended.sort_by_key(|run| run.ended_at.unwrap_or(run.created_at));
    let mut surplus = Vec::new();
    for run in ended {
        if count <= MOST_RUNS && targets <= MOST_TARGETS {
            break;
        }
        count -= 1;
        targets -= u64::from(run.targets);
        surplus.push(Arc::clone(run));
    }
    surplus
}

/// The targets of runs.
pub fn targets<'a>(runs: impl IntoIterator<Item = &'a Arc<Run>>) -> u64 {
    runs.into_iter().map(|run| u64::from(run.targets)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::RunState;

    fn run(second: i64, targets: u32, state: RunState) -> Arc<Run> {
        let run = serde_json::json!({
            "id": format!("run-{second}"), "user": "ada", "plan_hash": "", "waves": 1, "stages": [], "clusters": [], "attempt": 1,
            "spec": { "action": "restart", "targets": {} }, "desired": "run", "revision": 1,
            "created_at": jiff::Timestamp::UNIX_EPOCH, "expires_at": jiff::Timestamp::UNIX_EPOCH,
            "ended_at": jiff::Timestamp::from_second(second).unwrap(), "state": state, "targets": targets,
        });
        Arc::new(serde_json::from_value(run).unwrap())
    }

    fn ids(runs: &[Arc<Run>]) -> Vec<String> {
        let gone = surplus(runs).into_iter();
        gone.map(|run| run.id.to_string()).collect()
    }

    #[test]
    fn the_first_that_ended_go_until_the_others_fit_and_none_that_goes_on() {
        let most = u32::try_from(MOST_TARGETS).unwrap();
        let ended = |second, targets| run(second, targets, RunState::Succeeded);
        assert_eq!(ids(&[ended(1, 9), ended(2, most - 9)]), [""; 0]);
        assert_eq!(
            ids(&[ended(3, 1), ended(1, 9), ended(2, most - 9)]),
            ["run-1"]
        );
        assert_eq!(
            ids(&[ended(3, 10), ended(1, 9), ended(2, most - 9)]),
            ["run-1", "run-2"]
        );
        assert_eq!(
            ids(&[run(1, most, RunState::Running), ended(2, 1)]),
            ["run-2"]
        );
    }

    #[test]
    fn no_more_than_a_thousand_are_kept() {
        let all: Vec<_> = (0..1002)
            .map(|second| run(second, 1, RunState::Failed))
            .collect();
        assert_eq!(ids(&all), ["run-0", "run-1"]);
    }
}
