//! The runner: carries out runs whose lease this replica holds. Any replica may; if one dies, another one takes its runs over.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::Runs;
use crate::driver::{DriveError, Driver};
use crate::key::RunKey;
use crate::lease::release;
use crate::record::RunId;

/// How often to look for runs, and for leases that have ended.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a replica keeps the lease of a run that it cannot carry on: what failed would fail again at once.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Carries runs out until the program ends.
pub async fn carry_out_runs(runs: Arc<Runs>) {
    tokio::spawn(runs.store.clone().follow());
    let mut changes = runs.store.changes();
    let (mut driven, mut tasks) = (HashSet::new(), JoinSet::new());
    loop {
        for run in runs.store.all() {
            if !run.state.is_ended() && driven.insert(run.id.clone()) {
                let (runs, id) = (Arc::clone(&runs), run.id.clone());
                tasks.spawn(async move {
                    carry_out(&runs, &id).await;
                    id
                });
            }
        }
        tokio::select! {
            Some(done) = tasks.join_next() => {
                match done {
                    Ok(id) => drop(driven.remove(&id)),
                    // Which one is not known: all that are not under way are looked at again.
                    Err(error) => {
                        warn!(%error, "the driver of a run has panicked");
                        driven.clear();
                        tasks.abort_all();
                    }
                }
                // Not at once: what failed may fail again.
                sleep(LOOK_EVERY).await;
            }
            _ = changes.changed() => {}
            () = sleep(LOOK_EVERY) => {}
        }
    }
}

/// Carries one run out as soon as its lease is free, until it has ended or the lease is lost.
async fn carry_out(runs: &Arc<Runs>, id: &RunId) {
    let is_wanted = || runs.store.find(id).is_some_and(|run| !run.state.is_ended());
    let (leases, key) = (&runs.store.leases, RunKey::new(id, 0));
    let Some(mut held) = leases.wait_for_lease(&key, LOOK_EVERY, is_wanted).await else {
        return;
    };
    debug!(run = %id, "carrying a run out");
    let driven = async {
        if let Err(error) = drive(runs, id).await {
            {
                let error = &error as &dyn std::error::Error;
                warn!(run = %id, error, "a run is not carried on by this replica for now");
            }
            sleep(TRY_AGAIN_AFTER).await;
        }
    };
    tokio::select! {
        () = driven => {}
        () = held.renew_until_lost() => {
            info!(run = %id, "another replica carries the run on");
            return;
        }
    }
    release(held).await;
}

async fn drive(runs: &Arc<Runs>, id: &RunId) -> Result<(), DriveError> {
    match Driver::load(runs, id).await? {
        Some(driver) => driver.run().await,
        None => Ok(()),
    }
}
