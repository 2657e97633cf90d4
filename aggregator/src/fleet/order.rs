//! Writes: authorised, written down, sent with a deadline, and their outcome written down.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::timing::{REPLY_MARGIN, WRITE_WITHIN};
use bus_schema::verb::RestartDeployment;
use bus_schema::{ClusterName, FaultCode, Guard, OperationId, Write};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Fleet;
use super::ask::{NO_REPLY, SendError, bus_unavailable, offline};
use super::restart_time::ReservedTime;
use crate::audit::{AuditError, Entry, Outcome, Sequence, Target};
use crate::bus::BusError;
use crate::operations::{Operation, Order};
use crate::principal::Principal;
use crate::problem::{Problem, ProblemCode};
use crate::registry::{Moment, Presence};
use crate::request_source::RequestSource;

/// A write that was carried out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Done<T> {
    /// The operation, as it stands in the audit.
    pub operation_id: OperationId,
    /// The cluster.
    pub cluster: ClusterName,
    /// How it ended.
    pub outcome: Outcome,
    /// What the agent answered.
    #[serde(flatten)]
    pub reply: T,
}

impl Fleet {
    /// Restarts a deployment.
    ///
    /// # Errors
    /// See [`Fleet::order`].
    pub async fn restart(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        cluster: &ClusterName,
        restart: RestartDeployment,
    ) -> Result<Done<<RestartDeployment as bus_schema::Request>::Reply>, Problem> {
        let key = (
            cluster.clone(),
            restart.namespace.clone(),
            restart.deployment_name.clone(),
        );
        let target = Target {
            cluster: cluster.clone(),
            namespace: Some(restart.namespace.clone()),
            deployment_name: Some(restart.deployment_name.clone()),
        };
        let mint_time = |restart: &mut RestartDeployment| {
            let reserved = self.restart_times.reserve(key, Timestamp::now())?;
            restart.restarted_at = Some(reserved.time());
            Ok(reserved)
        };
        self.order(principal, source, target, restart, mint_time)
            .await
    }

    /// Orders a write and waits for its outcome, which is written down even if the caller has left. `mint_time` is called once the write
    /// may be made: a refused call leaves nothing behind but its line in the audit.
    ///
    /// # Errors
    /// Before anything is sent: what [`Fleet::ask`] refuses, too many changes by the principal, a cluster that is not heard in time, a contested name, the bus or the
    /// audit away. Afterwards: the agent's fault, or [`ProblemCode::OutcomeUnknown`], which is settled later.
    async fn order<W: Write + Clone + Into<Order>>(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        target: Target,
        mut write: W,
        mint_time: impl FnOnce(&mut W) -> Result<ReservedTime, Problem>,
    ) -> Result<Done<W::Reply>, Problem> {
        self.authorise(principal, &target.cluster, &write)?;
        let cluster_uid = self.ready_for_writes(&target.cluster)?;
        self.count_change(&principal.user)?;
        let reserved = mint_time(&mut write)?;
        let id = mint();
        let deadline = Timestamp::now() + WRITE_WITHIN;
        *write.guard_mut() = Guard {
            operation_id: Some(id.clone()),
            deadline: Some(deadline),
            cluster_uid,
        };
        let operation = Operation {
            id: id.clone(),
            cluster: target.cluster.clone(),
            order: write.clone().into(),
            deadline,
            entry: Entry {
                time: Timestamp::now(),
                user: principal.user.to_string(),
                address: source.address,
                verb: W::VERB.to_owned(),
                target: Some(target),
                operation_id: Some(id.clone()),
                outcome: Outcome::Pending,
                detail: None,
                request_id: source.request_id.clone(),
                refused: None,
            },
        };
        let fleet = Arc::clone(self);
        let carried_out = self
            .writes
            .spawn(async move { fleet.carry_out(operation, write, reserved).await });
        let done = carried_out.await;
        done.unwrap_or_else(|_| {
            Err(Problem::new(
                ProblemCode::Internal,
                "the write broke off; see the audit",
            ))
        })
        .map_err(|problem| problem.operation(&id))
    }

    /// The uid of a cluster that may be written to.
    fn ready_for_writes(&self, cluster: &ClusterName) -> Result<Option<String>, Problem> {
        if self.is_cut_off() {
            return Err(bus_unavailable());
        }
        let (registry, now) = (self.registry(), Moment::now());
        if registry.is_contested(cluster, now) {
            return Err(Problem::new(
                ProblemCode::IdentityConflict,
                format!(
                    "two Kubernetes clusters claim the name {cluster}; nothing is changed until one has left"
                ),
            ));
        }
        match registry.presence(cluster, now) {
            Some(Presence::Online) => Ok(registry.uid(cluster).map(ToOwned::to_owned)),
            Some(Presence::Stale) => Err(Problem::new(
                ProblemCode::ClusterOffline,
                format!("{cluster} is overdue; nothing is changed until it is heard again"),
            )),
            Some(Presence::Offline) | None => Err(offline(cluster)),
        }
    }

    async fn carry_out<W: Write>(
        self: Arc<Self>,
        operation: Operation,
        write: W,
        reserved: ReservedTime,
    ) -> Result<Done<W::Reply>, Problem> {
        let last = match self.begin(&operation).await {
            Ok(last) => last,
            // The reserved time is given back: nothing was sent.
            Err(problem) => {
                self.unbegun.remember(operation);
                return Err(problem);
            }
        };
        reserved.keep();
        let left = operation.deadline.duration_since(Timestamp::now());
        let within = Duration::try_from(left).unwrap_or_default() + REPLY_MARGIN;
        let (cluster, operation_id) = (operation.cluster.clone(), operation.id.clone());
        match self.send(&cluster, &write, within).await {
            Ok(reply) => {
                let outcome = Outcome::Succeeded;
                self.conclude(operation, last, outcome, String::new()).await;
                Ok(Done {
                    operation_id,
                    cluster,
                    outcome,
                    reply,
                })
            }
            Err(error) => {
                let (outcome, problem) = self.of_write(error, &cluster);
                self.conclude(operation, last, outcome, problem.detail.to_string())
                    .await;
                Err(problem)
            }
        }
    }

    /// Writes the intent down and keeps the operation; nothing may be sent before both are acknowledged.
    async fn begin(&self, operation: &Operation) -> Result<Sequence, Problem> {
        let (intended, kept) = tokio::join!(
            self.audit.intend(&operation.id, &operation.entry),
            self.operations.create(&operation.id, operation),
        );
        if let Err(error) = kept {
            tracing::error!(%error, "a write was not begun");
            return Err(AuditError::Unavailable(None).into());
        }
        Ok(intended?)
    }

    /// Writes an outcome down, after the line at `last`. What cannot be written now, or was written by another replica, is looked at
    /// again by `settle`, since the operation is still kept.
    pub(super) async fn conclude(
        self: &Arc<Self>,
        mut operation: Operation,
        last: Sequence,
        outcome: Outcome,
        detail: String,
    ) {
        operation.entry.time = Timestamp::now();
        operation.entry.outcome = outcome;
        operation.entry.detail = (!detail.is_empty()).then_some(detail);
        let appended = self
            .audit
            .append(&operation.id, &operation.entry, last)
            .await;
        if appended.is_ok() && outcome.is_settled() {
            // The caller need not wait for this.
            let fleet = Arc::clone(self);
            self.writes
                .spawn(async move { fleet.close(&operation).await });
        }
    }

    /// Forgets an operation whose outcome is written down.
    pub(super) async fn close(&self, operation: &Operation) {
        if let Err(error) = self.operations.purge(&operation.id).await {
            tracing::warn!(%error, operation = %operation.id, "an operation stays open");
        }
    }

    /// What a write that was not answered with success has come to, and what its caller is told.
    fn of_write(&self, error: SendError, cluster: &ClusterName) -> (Outcome, Problem) {
        let unknown = || {
            let detail = format!(
                "{cluster} did not answer in time; the outcome will be in the audit once the cluster can be read"
            );
            (
                Outcome::Unknown,
                Problem::new(ProblemCode::OutcomeUnknown, detail),
            )
        };
        match error {
            SendError::Unwritable(_) => (
                Outcome::Failed,
                Problem::new(ProblemCode::Internal, "the request cannot be written"),
            ),
            // It answered, so it did something.
            SendError::Unreadable(error) => (
                Outcome::Unknown,
                self.misbehaves(cluster, NO_REPLY, Some(&*error)),
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

/// An id that nobody guesses and that sorts by time.
pub(crate) fn mint() -> OperationId {
    let text = format!(
        "{:011x}-{:016x}",
        Timestamp::now().as_millisecond(),
        rand::random::<u64>()
    );
    text.parse()
        .expect("hexadecimal digits and a dash are legal")
}
