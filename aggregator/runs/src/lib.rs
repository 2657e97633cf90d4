//! Runs: one mutation applied to many workloads, in waves, each rollout watched to its end. A run is stored in JetStream, so it outlives
//! the tab or program that started it, and the replica that carries it out. ARCHITECTURE.md says what makes it exactly
//! once, under "Many at once".

mod acts;
mod amount;
mod create;
mod driver;
mod key;
mod lease;
mod plan;
mod preview;
mod publish;
mod record;
mod retention;
mod runner;
mod spec;
mod state;
mod step;
mod store;
mod task;
mod transition;
mod view;
mod watch;

pub use acts::{Act, RetryStates};
pub use amount::{Amount, Interval};
pub use create::Consent;
pub use key::{Notifications, RunKey};
pub use plan::{PlanWarning, SkippedReason, SkippedTarget, WarningKind};
pub use preview::RunPreview;
pub use record::{Approval, PlannedStage, PlannedTarget, Run, RunId, check};
pub use runner::carry_out_runs;
pub use spec::{
    Canary, OfflinePolicy, OnMaxFailures, RunSpec, Stage, Strategy, TargetSelector, WorkloadPath,
};
pub use state::{Desired, RunState, TargetState};
pub use store::RunStore;
pub use transition::Transition;
pub use view::{RunPage, RunView, TargetPage, TargetView};
pub use watch::RunEvent;

use std::sync::Arc;

use fleet::journal::Journal;
use fleet::{ChangeLimit, Fleet, FleetQueries, SharedRegistry};
use identity::users::Users;
use identity::{CredentialId, Principal};
use tokio::sync::Semaphore;

/// All runs: previewed, created, controlled and carried out.
#[derive(Debug)]
pub struct Runs {
    store: RunStore,
    fleet: Arc<Fleet>,
    queries: Arc<FleetQueries>,
    registry: Arc<SharedRegistry>,
    journal: Journal,
    users: Users,
    change_limit: Arc<ChangeLimit>,
    /// Permits for changes that are being made.
    changing: Semaphore,
}

/// Changes that are made at the same time, of all runs that this replica carries out: each writes to the audit, which acknowledges no more in time.
const CHANGES_AT_ONCE: usize = 64;

impl Runs {
    /// Runs in this store that change these clusters.
    #[must_use]
    pub fn new(
        store: RunStore,
        (fleet, queries): (Arc<Fleet>, Arc<FleetQueries>),
        registry: Arc<SharedRegistry>,
        journal: Journal,
        users: Users,
        change_limit: Arc<ChangeLimit>,
    ) -> Self {
        Self {
            store,
            fleet,
            queries,
            registry,
            journal,
            users,
            change_limit,
            changing: Semaphore::new(CHANGES_AT_ONCE),
        }
    }

    /// How many runs are stored, by each state.
    pub fn count_by_state(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let runs = self.store.all();
        RunState::ALL.into_iter().map(move |state| {
            let count = runs.iter().filter(|run| run.state == state).count();
            (state.as_str(), i64::try_from(count).unwrap_or(i64::MAX))
        })
    }

    /// The user who started a run, with the grants that the user has now; `None` if there is no such user any more.
    fn requester(&self, run: &Run) -> Option<Principal> {
        let user = self.users.current().find(&run.user)?;
        let grants = user.grants_with(self.registry.current_labels());
        Some(Principal {
            user: user.name.clone(),
            grants: Arc::new(grants),
            credential: CredentialId::new("run", run.id.as_str()),
        })
    }
}
