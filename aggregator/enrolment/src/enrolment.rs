//! Authorisation of enrolment, and what it needs.

use std::sync::Arc;

use bus_schema::{ClusterName, Right};

use super::{CredentialIssuer, Invitations};
use diagnostics::{Problem, ProblemCode};
use fleet::journal::Journal;
use fleet::{ChangeLimit, ClusterLabels, Clusters, SharedRegistry, lacks_right};
use identity::Principal;

/// Enrolment of clusters by authorised users, each act audited like any other change. Clones share it.
#[derive(Debug, Clone)]
pub struct Enrolment {
    pub(super) clusters: Clusters,
    pub(super) registry: Arc<SharedRegistry>,
    pub(super) labels: Arc<ClusterLabels>,
    pub(super) journal: Journal,
    change_limit: Arc<ChangeLimit>,
    /// None where clusters can neither be enrolled nor revoked.
    issuing: Option<Issuing>,
}

/// What makes credentials and invitations.
#[derive(Debug, Clone)]
pub(super) struct Issuing {
    pub issuer: CredentialIssuer,
    pub invitations: Invitations,
}

impl Enrolment {
    /// Of these clusters and their labels; without an issuer every call is refused.
    #[must_use]
    pub fn new(
        clusters: Clusters,
        registry: Arc<SharedRegistry>,
        labels: Arc<ClusterLabels>,
        journal: Journal,
        change_limit: Arc<ChangeLimit>,
        issuer: Option<(CredentialIssuer, Invitations)>,
    ) -> Self {
        let issuing = issuer.map(|(issuer, invitations)| Issuing {
            issuer,
            invitations,
        });
        Self {
            clusters,
            registry,
            labels,
            journal,
            change_limit,
            issuing,
        }
    }

    /// Authorises a change of a cluster's credentials and counts it against the principal's rate limit.
    pub(super) fn authorise(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
    ) -> Result<Issuing, Problem> {
        if !principal.grants.may(Right::Enroll, cluster, None) {
            return Err(lacks_right(cluster, Right::Enroll));
        }
        let issuing = self.issuing()?;
        self.change_limit.count(&principal.user)?;
        Ok(issuing)
    }

    pub(super) fn issuing(&self) -> Result<Issuing, Problem> {
        self.issuing.clone().ok_or_else(|| {
            Problem::new(
                ProblemCode::EnrolmentUnavailable,
                "this aggregator was started without --bus-keys, so it can neither enroll nor revoke clusters",
            )
        })
    }
}
