//! The states that a run has had. Each is appended by the same write that changes the state, so none is lost: what notifies people and
//! programs reads them from here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::record::Run;
use crate::state::{Desired, RunState};

/// The most transitions of a run that are stored; the oldest ones are dropped.
const MOST: usize = 50;

/// A run got a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transition {
    /// From 1; no number is used twice in a run.
    pub number: u64,
    /// The state.
    pub state: RunState,
    /// When, by the bus's clock.
    pub time: Timestamp,
    /// The reason for the state, unless that is obvious.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who caused it, if that was a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl Run {
    /// Sets the state and its reason. Nothing else does, apart from the creation of the value. `user`: who caused it; otherwise it is
    /// the person who wants the run to be as it is now, if there is one.
    pub(crate) fn enter(
        &mut self,
        state: RunState,
        detail: Option<String>,
        user: Option<&str>,
        time: Timestamp,
    ) {
        let is_new = self.transitions.last().is_none_or(|last| {
            // The next stage may need an approval at once.
            let is_next_stage = state == RunState::PendingApproval && detail != last.detail;
            state != self.state || is_next_stage
        });
        let user = user.map(str::to_owned).or_else(|| self.cause_of(state));
        self.state = state;
        self.detail.clone_from(&detail);
        if !is_new {
            return;
        }
        let number = self.transitions.last().map_or(0, |last| last.number) + 1;
        self.transitions.push(Transition {
            number,
            state,
            time,
            detail,
            user,
        });
        let excess = self.transitions.len().saturating_sub(MOST);
        self.transitions.drain(..excess);
    }

    /// A person wants something else of the run.
    pub(crate) fn want(&mut self, desired: Desired, user: &str) {
        self.desired = desired;
        self.desired_by = Some(user.to_owned());
    }

    /// The person whose act leads to this state.
    fn cause_of(&self, state: RunState) -> Option<String> {
        match (state, self.desired) {
            (RunState::Pausing | RunState::Paused, Desired::Pause)
            | (RunState::Aborting | RunState::Aborted, Desired::Abort) => self.desired_by.clone(),
            (RunState::Running, _) if self.state == RunState::PendingApproval => {
                self.approvals.last().map(|last| last.user.clone())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::tests::run;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn states(run: &Run) -> Vec<(u64, RunState)> {
        let of = |it: &Transition| (it.number, it.state);
        run.transitions.iter().map(of).collect()
    }

    #[test]
    fn only_a_new_state_is_a_transition_and_the_reason_is_kept_up_to_date() {
        let mut run = run();
        run.enter(RunState::Running, None, Some("ana"), at(1));
        run.enter(RunState::Running, Some("a wave".to_owned()), None, at(2));
        assert_eq!(run.detail.as_deref(), Some("a wave"));
        run.enter(RunState::Succeeded, None, None, at(3));
        assert_eq!(
            states(&run),
            [(1, RunState::Running), (2, RunState::Succeeded)]
        );
        assert_eq!(run.transitions[0].user.as_deref(), Some("ana"));
        assert_eq!(run.transitions[1].user, None);
    }

    #[test]
    fn a_pause_names_its_user_or_the_reason_of_the_run_itself() {
        let mut run = run();
        run.enter(RunState::Running, None, None, at(1));
        (run.desired, run.desired_by) = (Desired::Pause, Some("ana".to_owned()));
        run.enter(RunState::Pausing, None, None, at(2));
        run.enter(RunState::Paused, None, None, at(3));
        let by = |number: usize| run.transitions[number].user.as_deref();
        assert_eq!((by(1), by(2)), (Some("ana"), Some("ana")));

        run.desired_by = None;
        run.enter(RunState::Running, None, Some("bob"), at(4));
        run.enter(RunState::Pausing, Some("2 failed".to_owned()), None, at(5));
        let last = run.transitions.last().unwrap();
        assert_eq!(
            (last.user.clone(), last.detail.as_deref()),
            (None, Some("2 failed"))
        );
    }

    #[test]
    fn a_second_stage_that_waits_for_its_approval_is_another_transition() {
        let mut run = run();
        run.enter(RunState::Running, None, None, at(1));
        for (second, stage) in [(2, "eu"), (3, "eu"), (4, "us")] {
            let detail = Some(stage.to_owned());
            run.enter(RunState::PendingApproval, detail, None, at(second));
        }
        assert_eq!(run.transitions.len(), 3);
        assert_eq!(run.transitions[2].detail.as_deref(), Some("us"));
    }

    #[test]
    fn old_transitions_are_dropped_and_the_numbers_go_on() {
        let mut run = run();
        for second in 1..=130 {
            let state = match second % 2 {
                0 => RunState::Paused,
                _ => RunState::Running,
            };
            run.enter(state, None, None, at(second));
        }
        assert_eq!(run.transitions.len(), MOST);
        assert_eq!(run.transitions[0].number, 81);
        assert_eq!(run.transitions.last().unwrap().number, 130);
    }
}
