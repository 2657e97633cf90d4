//! Lost outcomes: the cluster fences a mutation off, unless it was carried out.

use std::sync::Arc;

use bus_schema::timing::{REPLY_MARGIN, WRITE_WITHIN};
use bus_schema::{ClusterName, FaultCode, WorkloadRef};

use crate::Fleet;
use crate::agent_link::{SendError, read_reply};
use crate::journal::{Observation, Observe, Operation, SentMutation, Verdict};
use audit::Outcome;
use registry::Moment;
use storage::bus::BusError;

impl Fleet {
    /// Whether the name still belongs to the target Kubernetes cluster, and no other cluster claims it.
    fn is_certainly(&self, cluster: &ClusterName, uid: Option<&str>) -> bool {
        let (registry, now) = (self.registry.read(), Moment::now());
        registry.uid(cluster) == uid && !registry.is_contested(cluster, now)
    }

    /// Lets the cluster fence the mutation off, unless it was carried out.
    async fn fence(&self, cluster: &ClusterName, mutation: &SentMutation) -> Observation {
        let uid = mutation.cluster_uid();
        if !self.is_certainly(cluster, uid) {
            return Observation::Pending;
        }
        let (verb, within) = (mutation.verb.name, WRITE_WITHIN + REPLY_MARGIN);
        let answered = self
            .link
            .send_json(cluster, verb, &mutation.fence(), within)
            .await;
        // The reply to every mutation contains the changed workload.
        let answered = answered.and_then(|reply| read_reply::<WorkloadRef>(&reply));
        // A second cluster of that name may have appeared and answered.
        if !self.is_certainly(cluster, uid) {
            return Observation::Pending;
        }
        observation(answered)
    }
}

/// Interprets the reply to a fence.
fn observation<T>(answered: Result<T, SendError>) -> Observation {
    let (outcome, detail) = match answered {
        Ok(_) => (
            Outcome::Succeeded,
            "found in the cluster afterwards".to_owned(),
        ),
        Err(SendError::Bus(BusError::Fault(fault))) => match fault.code {
            FaultCode::Expired => (Outcome::Expired, fault.message),
            FaultCode::Superseded => (Outcome::Superseded, fault.message),
            FaultCode::OutcomeUnknown => (Outcome::Unknown, fault.message),
            FaultCode::Forbidden => {
                let detail = format!(
                    "whether it was carried out cannot be determined: the agent lacks the permission ({})",
                    fault.message
                );
                (Outcome::Unknown, detail)
            }
            _ => return Observation::Pending,
        },
        Err(_) => return Observation::Unanswered,
    };
    Observation::Verdict(Verdict { outcome, detail })
}

impl Observe for Arc<Fleet> {
    fn is_cut_off(&self) -> bool {
        self.link.is_cut_off()
    }

    async fn observe(&self, operation: &Operation) -> Observation {
        let Some(cluster) = operation.cluster() else {
            return Observation::Verdict(lost(operation));
        };
        match &operation.mutation {
            Some(mutation) => self.fence(cluster, mutation).await,
            None => Observation::Verdict(lost(operation)),
        }
    }
}

/// An act of the aggregator itself leaves no trace that shows which operation did it.
fn lost(operation: &Operation) -> Verdict {
    let look = match operation.cluster() {
        Some(cluster) => format!(
            "GET /clusters/{cluster}/credentials, GET /invitations and GET /clusters show the current state"
        ),
        None => "check its target".to_owned(),
    };
    Verdict {
        outcome: Outcome::Unknown,
        detail: format!("the aggregator that did it ended before it recorded the outcome; {look}"),
    }
}
