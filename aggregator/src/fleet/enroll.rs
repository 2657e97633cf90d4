//! Clusters that are let in, and those that are revoked and forgotten. Audited like any write.

use std::sync::Arc;

use bus_keys::{CredentialRequest, UserKey};
use bus_schema::{ClusterName, OperationId, Right};

use super::Fleet;
use super::ask::right_name;
use super::label::may_set;
use crate::enrolment::{Enrolled, Enrolment, EnrolmentError, Invitations, LetIn};
use crate::signer::SignError;
use audit::RequestSource;
use audit::{Entry, Outcome, Target};
use diagnostics::{Problem, ProblemCode};
use identity::Principal;
use labels::Labels;
use registry::{Moment, Presence};

/// What lets clusters in.
#[derive(Debug, Clone)]
pub(super) struct Doorkeeper {
    pub enrolment: Enrolment,
    pub invitations: Invitations,
}

impl Fleet {
    /// Makes a credential for a cluster's agents. The cluster need not be known yet.
    ///
    /// # Errors
    /// When the principal may not, the cluster has two already, the request proves nothing, or audit or bus are away.
    pub async fn enroll(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        cluster: &ClusterName,
        request: Option<CredentialRequest>,
        labels: Labels,
    ) -> Result<(OperationId, Enrolled), Problem> {
        may_set(principal, &labels)?;
        let Doorkeeper { enrolment, .. } = self.doorkeeper(principal, cluster)?;
        let (cluster, by) = (cluster.clone(), principal.user.to_string());
        let fleet = Arc::clone(self);
        let entry = self.entry(&principal.user, source, "enroll", Target::cluster(&cluster));
        self.record(entry, async move {
            let enrolled = enrolment.enroll(&cluster, request.as_ref(), &by).await?;
            fleet.put_first_labels(&cluster, labels).await?;
            Ok::<_, EnrolmentError>(enrolled)
        })
        .await
    }

    /// Locks out one credential of a cluster; or all of them, and then the cluster is forgotten.
    ///
    /// # Errors
    /// When the principal may not, the cluster has none such, or audit or bus are away.
    pub async fn revoke(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        cluster: &ClusterName,
        key: Option<UserKey>,
    ) -> Result<(OperationId, Vec<UserKey>), Problem> {
        let Doorkeeper { enrolment, .. } = self.doorkeeper(principal, cluster)?;
        let presence = self.registry().presence(cluster, Moment::now());
        let (fleet, cluster) = (Arc::clone(self), cluster.clone());
        let entry = self.entry(&principal.user, source, "revoke", Target::cluster(&cluster));
        self.record(entry, async move {
            let forget = async |let_in: &LetIn| {
                let cluster = cluster.clone();
                match presence {
                    Some(Presence::Offline) => {}
                    _ if !let_in.keys.is_empty() => {}
                    None if let_in.invited => {}
                    None => return Err(EnrolmentError::CredentialUnknown { cluster }),
                    // It would be forgotten for as long as it takes to its next heartbeat.
                    Some(_) => return Err(EnrolmentError::CredentialUnrecorded { cluster }),
                }
                if key.is_none() {
                    fleet.clusters.forget(&cluster).await?;
                    fleet.forget(&cluster);
                }
                Ok(())
            };
            enrolment.revoke(&cluster, key.as_ref(), forget).await
        })
        .await
    }

    /// What a change of a cluster's credentials needs, which counts for the principal.
    pub(super) fn doorkeeper(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
    ) -> Result<Doorkeeper, Problem> {
        if !principal.grants.may(Right::Enroll, cluster, None) {
            let detail = format!(
                "your grants on {cluster} lack the right \"{}\"; GET /me lists them",
                right_name(Right::Enroll)
            );
            return Err(Problem::new(ProblemCode::Forbidden, detail));
        }
        let doorkeeper = self.any_doorkeeper()?;
        self.count_change(&principal.user)?;
        Ok(doorkeeper)
    }

    pub(super) fn any_doorkeeper(&self) -> Result<Doorkeeper, Problem> {
        self.doorkeeper.clone().ok_or_else(|| {
            Problem::new(
                ProblemCode::EnrolmentUnavailable,
                "this aggregator was started without --bus-keys, so it can let nobody in and lock nobody out",
            )
        })
    }

    /// Does something of the aggregator's own, to its end even if the caller has left.
    pub(super) async fn record<T, E>(
        self: &Arc<Self>,
        entry: Entry,
        act: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<(OperationId, T), Problem>
    where
        T: Send + 'static,
        E: std::fmt::Display + Into<Problem> + Send + 'static,
    {
        let (journal, id) = (self.journal.clone(), self.journal.new_id());
        let operation = id.clone();
        let done = self
            .journal
            .spawn(async move { journal.record(operation, entry, act).await });
        let done = done
            .await
            .map_err(|_| Problem::new(ProblemCode::Internal, "it broke off; see the audit"))?;
        match done {
            Ok(Ok(made)) => Ok((id, made)),
            Ok(Err(error)) => Err(error.into().operation(&id)),
            Err(error) => Err(Problem::from(error).operation(&id)),
        }
    }

    /// The first line of an operation in the audit.
    pub(super) fn entry(
        &self,
        user: &str,
        source: &RequestSource,
        verb: &str,
        target: Target,
    ) -> Entry {
        Entry {
            time: self.journal.now(),
            user: user.to_owned(),
            address: source.address,
            verb: verb.to_owned(),
            target: Some(target),
            operation_id: None,
            outcome: Outcome::Pending,
            detail: None,
            request_id: source.request_id.clone(),
            refused: None,
        }
    }
}

impl From<EnrolmentError> for Problem {
    fn from(error: EnrolmentError) -> Self {
        let error = match error {
            EnrolmentError::NotLabelled(error) => return error.into(),
            error => error,
        };
        let code = match &error {
            EnrolmentError::TooManyCredentials { .. } => ProblemCode::CredentialsExhausted,
            EnrolmentError::KeyLockedOut
            | EnrolmentError::NotProven(_)
            | EnrolmentError::KeyOfAnotherCluster { .. } => ProblemCode::InvalidValue,
            EnrolmentError::CredentialUnknown { .. } => ProblemCode::CredentialUnknown,
            EnrolmentError::InvitationUnknown => ProblemCode::InvitationUnknown,
            EnrolmentError::CredentialUnrecorded { .. }
            | EnrolmentError::RecordUnreadable { .. } => ProblemCode::CredentialUnrecorded,
            EnrolmentError::RevocationsFull(_) | EnrolmentError::RevocationNotRecorded(_) => {
                ProblemCode::RevocationsFull
            }
            EnrolmentError::Bucket(_)
            | EnrolmentError::SystemUnavailable(_)
            | EnrolmentError::Contended => ProblemCode::BusUnavailable,
            EnrolmentError::NotSigned(SignError::Unavailable(_)) => ProblemCode::SignerUnavailable,
            EnrolmentError::Refused(_)
            | EnrolmentError::OtherAccount(_)
            | EnrolmentError::NotLabelled(_)
            | EnrolmentError::NotRandom(_)
            | EnrolmentError::NotSigned(_) => ProblemCode::Internal,
        };
        if matches!(
            code,
            ProblemCode::BusUnavailable | ProblemCode::SignerUnavailable | ProblemCode::Internal
        ) {
            tracing::warn!(error = &error as &dyn std::error::Error, "enrolment");
        }
        let problem = Self::new(code, error.to_string());
        match code {
            ProblemCode::InvalidValue => problem.field("credential_request"),
            _ => problem,
        }
    }
}
