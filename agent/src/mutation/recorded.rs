//! The operations that are recorded in an object, by their ids: those carried out, and those closed, which never will be. Anyone may
//! write the annotations: entries that are not ids are ignored. Pure.

use bus_schema::timing::CLOCK_SKEW_SHOWN;
use bus_schema::{Fault, FaultCode, OperationId};
use jiff::{SignedDuration, Timestamp};
use kube::core::ObjectMeta;
use serde_json::{Value, json};

/// The annotation with the ids of the operations that were carried out, comma-separated, the newest last.
pub const DONE: &str = "multi-cluster-aggregator/operation";

/// The annotation with the ids of the operations that were fenced off.
pub const CLOSED: &str = "multi-cluster-aggregator/closed-operation";

/// The maximum number of ids in each annotation; older ones are dropped.
const REMEMBERED: usize = 8;

/// The ids in an object's annotations.
#[derive(Debug, Default)]
pub struct Recorded {
    done: Vec<OperationId>,
    closed: Vec<OperationId>,
}

/// The recorded state of an operation.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    New,
    /// It was carried out.
    Done,
    /// It was fenced off.
    Closed,
    /// This newer one was carried out, and it was not.
    Superseded(OperationId),
}

impl Recorded {
    pub fn of(metadata: &ObjectMeta) -> Self {
        let ids = |annotation| {
            let annotations = metadata.annotations.as_ref();
            let text = annotations.and_then(|all| all.get(annotation));
            let ids = text.into_iter().flat_map(|text| text.split(','));
            ids.filter_map(|id| id.parse().ok()).collect()
        };
        Self {
            done: ids(DONE),
            closed: ids(CLOSED),
        }
    }

    /// An id from the future is not the aggregator's and supersedes nothing.
    pub fn standing(&self, id: &OperationId, now: Timestamp) -> Standing {
        if self.has_done(id) {
            return Standing::Done;
        }
        if self.closed.contains(id) {
            return Standing::Closed;
        }
        let Some(time) = id.time() else {
            return Standing::New;
        };
        let skew = SignedDuration::try_from(CLOCK_SKEW_SHOWN).unwrap_or_default();
        let is_newer = |other: &&OperationId| {
            let at = other.time();
            at.is_some_and(|at| at > time && at.duration_since(now) <= skew)
        };
        match self.done.iter().filter(is_newer).max() {
            Some(newer) => Standing::Superseded(newer.clone()),
            None => Standing::New,
        }
    }

    /// Whether so many newer operations are recorded that this one may have been dropped.
    pub fn may_have_dropped(&self, id: &OperationId) -> bool {
        let is_newer = |other: &OperationId| other.time() > id.time();
        self.done.len() >= REMEMBERED && self.done.iter().all(is_newer)
    }

    pub fn has_done(&self, id: &OperationId) -> bool {
        self.done.contains(id)
    }

    /// Makes a patch record that it carries out this operation.
    pub fn add_done(&self, id: &OperationId, patch: &mut Value) {
        patch["metadata"]["annotations"][DONE] = json!(with(&self.done, id));
    }

    /// The patch that closes this operation.
    pub fn close(&self, id: &OperationId) -> Value {
        json!({ "metadata": { "annotations": { CLOSED: with(&self.closed, id) } } })
    }
}

/// The last operation carried out, according to the object's annotation.
pub fn last_operation(metadata: &ObjectMeta) -> Option<OperationId> {
    Recorded::of(metadata).done.pop()
}

fn with(ids: &[OperationId], id: &OperationId) -> String {
    let older = &ids[ids.len().saturating_sub(REMEMBERED - 1)..];
    let all: Vec<&str> = older.iter().chain([id]).map(OperationId::as_str).collect();
    all.join(",")
}

pub fn superseded(by: &OperationId) -> Fault {
    let message = format!("the newer operation {by} was carried out already; nothing was done");
    Fault::new(FaultCode::Superseded, message)
}

pub fn closed(id: &OperationId) -> Fault {
    let message = format!("operation {id} was closed without being carried out");
    Fault::new(FaultCode::Expired, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T10:00:00Z".parse().unwrap()
    }

    /// Made this many seconds after 10:00.
    fn id(seconds: i64) -> OperationId {
        OperationId::at(now() + SignedDuration::from_secs(seconds), 7)
    }

    fn recorded(done: &str, closed: &str) -> Recorded {
        let annotations = [(DONE, done), (CLOSED, closed)];
        let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Recorded::of(&ObjectMeta {
            annotations: Some(annotations.into()),
            ..ObjectMeta::default()
        })
    }

    #[test]
    fn an_operation_is_found_among_newer_ones() {
        let list = format!("{},{}", id(-9), id(-3));
        assert_eq!(recorded(&list, "").standing(&id(-9), now()), Standing::Done);
        let missing = recorded(&list, "").standing(&id(-5), now());
        assert_eq!(missing, Standing::Superseded(id(-3)));
        assert_eq!(recorded(&list, "").standing(&id(0), now()), Standing::New);
        let closed = recorded("", id(-5).as_str()).standing(&id(-5), now());
        assert_eq!(closed, Standing::Closed);
    }

    #[test]
    fn invalid_ids_in_the_annotations_block_nothing() {
        let far = id(3_600);
        for done in [
            "",
            "zzz",
            "ZZZ,,",
            "zzzzzzzzzzz-0123456789abcdef",
            far.as_str(),
        ] {
            let standing = recorded(done, "").standing(&id(0), now());
            assert_eq!(standing, Standing::New, "{done}");
        }
        let by_hand: OperationId = "by-hand".parse().unwrap();
        let list = format!("{},by-hand", id(-1));
        assert_eq!(
            recorded(&list, "").standing(&by_hand, now()),
            Standing::Done
        );
        assert_eq!(
            recorded(id(-1).as_str(), "").standing(&by_hand, now()),
            Standing::New
        );
    }

    #[test]
    fn the_last_eight_are_retained() {
        let mut list = String::new();
        for second in 0..20 {
            let mut patch = json!({});
            recorded(&list, "").add_done(&id(second), &mut patch);
            patch["metadata"]["annotations"][DONE]
                .as_str()
                .unwrap()
                .clone_into(&mut list);
        }
        let expected: Vec<String> = (12..20).map(|second| id(second).to_string()).collect();
        assert_eq!(list, expected.join(","));
    }
}
