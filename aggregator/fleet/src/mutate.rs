//! Mutations: authorised, sent with a deadline and an idempotency key, and audited with intent and outcome. The single path of every
//! change of a workload.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::timing::{REPLY_MARGIN, WRITE_WITHIN};
use bus_schema::{
    ClusterName, FaultCode, Mutation, Namespace, OperationId, Reason, Verb, WorkloadRef, WriteGuard,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::Fleet;
use super::agent_link::{SendError, read_reply};
use super::client::NO_REPLY;
use super::protection::check_confirmation;
use super::refusals::{bus_unavailable, offline, unwritable};
use crate::journal::{Begun, Operation, SentMutation};
use audit::RequestSource;
use audit::{Entry, Outcome, Target};
use diagnostics::{Problem, ProblemCode};
use identity::Principal;
use registry::{Moment, Presence};
use storage::bus::BusError;

mod fence;
mod previous_revision;

/// A mutation that was carried out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Done<T> {
    /// The operation's id in the audit log.
    pub operation_id: OperationId,
    /// The cluster.
    pub cluster: ClusterName,
    /// The outcome.
    pub outcome: Outcome,
    /// The agent's reply.
    #[serde(flatten)]
    pub reply: T,
}

impl Fleet {
    /// Changes a workload and waits for the outcome, which is audited even if the caller has disconnected. `confirm`: what confirms the change, if
    /// the workload is protected.
    ///
    /// # Errors
    /// Before anything is sent: the errors of [`Fleet::ask`], too many changes by the principal, an overdue cluster, a contested name,
    /// an unavailable bus or audit log. Afterwards: the agent's fault, or [`ProblemCode::OutcomeUnknown`], which is reconciled later.
    pub async fn mutate<M: Mutation>(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        cluster: &ClusterName,
        mutation: M,
        confirm: Option<&str>,
    ) -> Result<Done<M::Reply>, Problem> {
        let target = mutation.target();
        self.may_change(principal, cluster, Verb::of::<M>(), target)?;
        let expected = self.confirmation([(cluster, &target.namespace)].into_iter());
        check_confirmation(expected.as_deref(), confirm)?;
        self.ready_for_writes(cluster)?;
        self.change_limit.count(&principal.user)?;
        let sent = SentMutation::new(&mutation).map_err(unwritable)?;
        let reason = mutation.guard().reason.clone();
        self.mutate_uncounted(principal, source, cluster, (target, sent, reason))
            .await
    }

    /// What confirms changes in these places: see [`crate::Protection::confirmation`].
    #[must_use]
    pub fn confirmation<'a>(
        &self,
        places: impl Iterator<Item = (&'a ClusterName, &'a Namespace)>,
    ) -> Option<String> {
        self.protection.confirmation(places)
    }

    /// Whether the principal may make this change, and the cluster is enrolled for it.
    ///
    /// # Errors
    /// The errors of [`Fleet::ask`], and [`ProblemCode::VerbNotEnabled`].
    pub fn may_change(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        verb: Verb,
        workload: &WorkloadRef,
    ) -> Result<(), Problem> {
        self.authorise_verb(principal, cluster, verb, Some(&workload.namespace))?;
        verb.applies_to(workload.kind).map_err(|why| {
            Problem::new(ProblemCode::InvalidValue, format!("kind: {why}")).field("kind")
        })?;
        self.is_allowed(cluster, verb.name)
    }

    /// The same as [`Fleet::mutate`] for a mutation whose type is not known, and which does not count as one of the principal's changes: a
    /// run as a whole does.
    ///
    /// # Errors
    /// As [`Fleet::mutate`].
    pub async fn mutate_uncounted<T: DeserializeOwned + Send + 'static>(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        cluster: &ClusterName,
        (workload, mut mutation, reason): (&WorkloadRef, SentMutation, Option<Reason>),
    ) -> Result<Done<T>, Problem> {
        self.may_change(principal, cluster, mutation.verb, workload)?;
        let cluster_uid = self.ready_for_writes(cluster)?;
        let (verb, target) = (mutation.verb.name, Target::workload(cluster, workload));
        let entry = Entry {
            reason: reason.clone(),
            ..self.journal.entry(&principal.user, source, verb, target)
        };
        let id = self.journal.id_of(&entry);
        let deadline = self.journal.now() + WRITE_WITHIN;
        let guard = WriteGuard {
            operation_id: Some(id.clone()),
            deadline: Some(deadline),
            cluster_uid,
            fence: false,
            reason,
        };
        mutation.guard(&guard).map_err(unwritable)?;
        let operation = Operation::new(id.clone(), Some(mutation.clone()), deadline, entry);
        let (fleet, cluster) = (Arc::clone(self), cluster.clone());
        let done = self.journal.spawn(async move {
            let begun = fleet.journal.begin(operation).await?;
            fleet.carry_out(begun, &cluster, mutation).await
        });
        let broke_off = || Problem::new(ProblemCode::Internal, "it was interrupted; see the audit");
        done.await
            .unwrap_or_else(|_| Err(broke_off()))
            .map_err(|problem| problem.operation(&id))
    }

    /// Refuses what the cluster is not enrolled for. Its agent refuses it, too: this spares the audit a line and the caller the wait.
    fn is_allowed(&self, cluster: &ClusterName, verb: &str) -> Result<(), Problem> {
        if self.registry.read().allows(cluster, verb) {
            return Ok(());
        }
        let detail = format!(
            "\"{verb}\" is not enabled in {cluster}: add it to the agent's --verbs (MCA_VERBS in its ConfigMap agent-settings) and, with the \
             policy for allowed verbs, to its ClusterRole"
        );
        Err(Problem::new(ProblemCode::VerbNotEnabled, detail))
    }

    /// The uid of a cluster that accepts writes now.
    fn ready_for_writes(&self, cluster: &ClusterName) -> Result<Option<String>, Problem> {
        if self.link.is_cut_off() {
            return Err(bus_unavailable());
        }
        let (registry, now) = (self.registry.read(), Moment::now());
        if registry.is_contested(cluster, now) {
            return Err(Problem::new(
                ProblemCode::IdentityConflict,
                format!(
                    "two Kubernetes clusters claim the name {cluster}; changes are refused until one has left"
                ),
            ));
        }
        match registry.presence(cluster, now) {
            Some(Presence::Online) => Ok(registry.uid(cluster).map(ToOwned::to_owned)),
            Some(Presence::Stale) => Err(Problem::new(
                ProblemCode::ClusterOffline,
                format!(
                    "the heartbeat of {cluster} is overdue; changes are refused until it arrives"
                ),
            )),
            Some(Presence::Offline) | None => Err(offline(cluster)),
        }
    }

    async fn carry_out<T: DeserializeOwned>(
        &self,
        begun: Begun,
        cluster: &ClusterName,
        mutation: SentMutation,
    ) -> Result<Done<T>, Problem> {
        let left = begun.operation.deadline.duration_since(self.journal.now());
        let within = Duration::try_from(left).unwrap_or_default() + REPLY_MARGIN;
        let (verb, request) = (mutation.verb.name, mutation.request());
        let reply = self.link.send_json(cluster, verb, request, within).await;
        match reply.and_then(|reply| read_reply(&reply)) {
            Ok(reply) => {
                let (operation_id, outcome) = (begun.operation.id.clone(), Outcome::Succeeded);
                self.journal.conclude(begun, outcome, None).await;
                Ok(Done {
                    operation_id,
                    cluster: cluster.clone(),
                    outcome,
                    reply,
                })
            }
            Err(error) => {
                let (outcome, problem) = self.write_error(error, cluster);
                let detail = problem.detail.to_string();
                self.journal.conclude(begun, outcome, Some(detail)).await;
                Err(problem)
            }
        }
    }

    /// The outcome of a mutation without a successful reply, and the problem for its caller.
    fn write_error(&self, error: SendError, cluster: &ClusterName) -> (Outcome, Problem) {
        let unknown = || {
            let detail = format!(
                "{cluster} did not answer in time; the outcome will be in the audit once the cluster can be queried"
            );
            (
                Outcome::Unknown,
                Problem::new(ProblemCode::OutcomeUnknown, detail),
            )
        };
        match error {
            SendError::Unwritable(error) => (Outcome::Failed, unwritable(error)),
            // It replied, so it did something.
            SendError::Unreadable(error) => (
                Outcome::Unknown,
                self.registry
                    .protocol_violation(cluster, NO_REPLY, Some(&*error)),
            ),
            SendError::Bus(BusError::Unavailable) => (Outcome::Failed, bus_unavailable()),
            SendError::Bus(BusError::NoResponders) => (Outcome::Failed, offline(cluster)),
            SendError::Bus(BusError::TimedOut) => unknown(),
            SendError::Bus(BusError::Fault(fault)) => match fault.code {
                FaultCode::OutcomeUnknown => unknown(),
                FaultCode::Superseded => (Outcome::Superseded, fault.into()),
                FaultCode::Expired => (Outcome::Expired, fault.into()),
                _ => (Outcome::Failed, fault.into()),
            },
        }
    }
}
