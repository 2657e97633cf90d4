//! The revision that an undo without a revision goes back to. It is resolved before the undo is sent: relative to the present revision, a
//! duplicate would go back further.

use bus_schema::verb::{ListRevisions, Undo};
use bus_schema::{ClusterName, Verb, WorkloadRef};

use crate::Fleet;
use diagnostics::{Problem, ProblemCode};
use identity::Principal;

impl Fleet {
    /// The revision before the present one of a workload that the principal may undo.
    ///
    /// # Errors
    /// As [`Fleet::may_change`] and [`Fleet::ask`]; [`ProblemCode::NotFound`] if there is no earlier revision.
    pub async fn previous_revision(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        workload: &WorkloadRef,
    ) -> Result<u64, Problem> {
        self.may_change(principal, cluster, Verb::of::<Undo>(), workload)?;
        let list = ListRevisions {
            target: workload.clone(),
            templates: Vec::new(),
        };
        let revisions = self.ask_for_itself(cluster, &list).await?;
        revisions.previous().ok_or_else(|| {
            let detail = format!(
                "to_revision: {cluster} has no revision of {workload} but the present one; nothing was done"
            );
            Problem::new(ProblemCode::NotFound, detail).field("to_revision")
        })
    }
}
