//! Who may enroll a cluster, and with what it is done.

use std::sync::Arc;

use bus_schema::{ClusterName, Right};

use super::{CredentialIssuer, Invitations};
use diagnostics::{Problem, ProblemCode};
use fleet::{Fleet, lacks_right};
use identity::Principal;

/// Enrolment of clusters by those who may, each act audited like any other change. Clones share it.
#[derive(Debug, Clone)]
pub struct Enrolment {
    pub(super) fleet: Arc<Fleet>,
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
    /// Over this fleet; without an issuer every call is refused.
    #[must_use]
    pub fn new(fleet: Arc<Fleet>, issuer: Option<(CredentialIssuer, Invitations)>) -> Self {
        let issuing = issuer.map(|(issuer, invitations)| Issuing {
            issuer,
            invitations,
        });
        Self { fleet, issuing }
    }

    /// What a change of a cluster's credentials needs, which counts for the principal.
    pub(super) fn authorise(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
    ) -> Result<Issuing, Problem> {
        if !principal.grants.may(Right::Enroll, cluster, None) {
            return Err(lacks_right(cluster, Right::Enroll));
        }
        let issuing = self.issuing()?;
        self.fleet.count_change(&principal.user)?;
        Ok(issuing)
    }

    pub(super) fn issuing(&self) -> Result<Issuing, Problem> {
        self.issuing.clone().ok_or_else(|| {
            Problem::new(
                ProblemCode::EnrolmentUnavailable,
                "this aggregator was started without --bus-keys, so it can let nobody in and lock nobody out",
            )
        })
    }
}
