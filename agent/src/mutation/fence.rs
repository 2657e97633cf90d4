//! Finds the outcome of a mutation whose response was lost. Before it reports that nothing was done, the object is fenced: a mark is
//! written into it, which changes its version, so that the API server rejects a patch that is still in flight.

use bus_schema::{Fault, FaultCode, OperationId};
use kube::core::ObjectMeta;

use super::object::Object;
use super::recorded::{Recorded, Standing, closed, superseded};
use super::{Attempts, Change};
use crate::agent::Cx;
use crate::kubernetes::{Revision, WorkloadObject, created_at, history, revisions_of};

/// Returns the reply that the mutation itself would have returned.
///
/// # Errors
/// [`FaultCode::Expired`]: it was not carried out and will not be. [`FaultCode::Superseded`]: the same, because a newer one was carried
/// out. [`FaultCode::OutcomeUnknown`]: the cluster no longer shows it. Every other fault leaves the outcome open.
pub async fn fence<M: Change>(cx: &Cx, mutation: &M) -> Result<M::Reply, Fault> {
    let Some(id) = &mutation.guard().operation_id else {
        let why = "a fence is for one operation: give its id";
        return Err(Fault::in_field("operation_id", why));
    };
    let object = Object::new(cx, mutation.target(), cx.until);
    let mut attempts = Attempts::new(cx.until);
    let (seen, standing) = loop {
        let seen = match object.read().await {
            Ok(seen) => seen,
            Err(error) if error.code() == Some(404) => {
                return Err(cannot_tell("it is gone from the cluster"));
            }
            Err(error) => return Err(error.into()),
        };
        if is_younger(&seen.metadata, id) {
            return Err(cannot_tell("it was deleted and created anew since"));
        }
        let recorded = Recorded::of(&seen.metadata);
        match recorded.standing(id, cx.agent.now()) {
            Standing::Done => return Ok(mutation.reply(&seen)),
            Standing::New => {}
            standing => break (seen, standing),
        }
        match object.patch(&seen, recorded.close(id)).await {
            Ok(seen) => break (seen, Standing::Closed),
            Err(error) if error.leaves_doubt() => return Err(error.into()),
            Err(error) => attempts.retry(&seen, error, true).await?,
        }
    };
    let history = history(
        &cx.agent.kubernetes,
        &mutation.target().namespace,
        &seen,
        cx.until,
    )
    .await?;
    // An undo by kubectl restores the earlier annotations; the revision that it replaced has those of the mutation.
    let mut metadata = history.iter().map(|revision| &revision.metadata);
    if metadata.any(|metadata| Recorded::of(metadata).has_done(id)) {
        return Ok(mutation.reply(&seen));
    }
    match standing {
        Standing::Superseded(_) if Recorded::of(&seen.metadata).may_have_dropped(id) => {
            Err(cannot_tell("too many newer operations are recorded"))
        }
        Standing::Superseded(by) => Err(superseded(&by)),
        _ if has_gap(&seen, &history) => Err(cannot_tell(
            "it was undone or replaced since, and its earlier revisions are gone",
        )),
        _ => Err(closed(id)),
    }
}

fn cannot_tell(why: &str) -> Fault {
    let message = format!("it is no longer possible to know whether it was carried out: {why}");
    Fault::new(FaultCode::OutcomeUnknown, message)
}

/// Whether the object was created after the operation and so cannot show it. The API server's timestamps are in whole seconds and by
/// its own clock.
fn is_younger(metadata: &ObjectMeta, id: &OperationId) -> bool {
    let created = created_at(metadata);
    created
        .zip(id.time())
        .is_some_and(|(created, id)| created > id)
}

/// Whether nothing is left of the previous revision: it may have been the mutation's.
fn has_gap(seen: &WorkloadObject, history: &[Revision]) -> bool {
    let numbers = history.iter().filter_map(|revision| revision.number);
    let newest = seen.revision().or_else(|| numbers.clone().max());
    let before = newest.map_or(0, |newest| newest.saturating_sub(1));
    let mut earlier = history.iter().flat_map(|it| revisions_of(&it.metadata));
    before > 0 && !earlier.any(|it| it == before) && !numbers.clone().any(|it| it == before)
}
