//! The ControllerRevisions of a StatefulSet or DaemonSet: one for its template, and a limited number of earlier ones to roll back to.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ControllerRevision;

use crate::derived::history::{has_template, name_of, revision_of};
use crate::derived::workload::Versioned;
use crate::kind::Kind;
use crate::state::State;
use crate::store::Key;

pub struct History {
    /// Those of earlier templates, oldest first.
    pub old: Vec<ControllerRevision>,
    /// The one of the current template.
    pub update: ControllerRevision,
}

impl History {
    /// Finds or creates the revision of the current template. One that was used before gets a new number.
    pub fn sync<T: Versioned>(state: &mut State, owner: &T, now: Timestamp) -> Self {
        let uid = owner.metadata().uid.as_deref().unwrap_or_default();
        let mut old: Vec<ControllerRevision> = state.store.owned(uid);
        old.sort_by_key(|revision| revision.revision);
        let template = owner.template().cloned().unwrap_or_default();
        let same = old.iter().position(|known| has_template(known, &template));
        let found = same.map(|at| old.remove(at));
        let next = 1 + old.last().map_or(0, |latest| latest.revision);
        let update = match found {
            Some(mut found) if found.revision < next => {
                found.revision = next;
                state.store.put(found.clone());
                found
            }
            Some(latest) => latest,
            None => state
                .create(revision_of(owner, &template, next), now)
                .decode(),
        };
        Self { old, update }
    }

    pub fn named(&self, name: &str) -> Option<&ControllerRevision> {
        let mut all = self.old.iter().chain([&self.update]);
        all.find(|revision| name_of(revision) == name)
    }

    /// Removes the oldest revisions beyond `spec.revisionHistoryLimit`, except those that are in use. A negative limit is none.
    pub fn truncate<T: Versioned>(
        &self,
        state: &mut State,
        owner: &T,
        in_use: impl Fn(&ControllerRevision) -> bool,
    ) {
        let Ok(limit) = usize::try_from(owner.history_limit().unwrap_or(10)) else {
            return;
        };
        let unused: Vec<_> = self.old.iter().filter(|old| !in_use(old)).collect();
        let surplus = unused.len().saturating_sub(limit);
        for revision in &unused[..surplus] {
            let key = Key::of(*revision);
            state.store.remove(Kind::ControllerRevision, &key);
        }
    }
}
