//! Enrolling clusters, and revoking and removing them. Audited like any write.

use std::sync::Arc;

use bus_keys::{CredentialRequest, UserKey};
use bus_schema::{ClusterName, OperationId};

use super::{ClusterCredentials, Enrolled, Enrolment, EnrolmentError, Issuing};
use audit::{RequestSource, Target};
use diagnostics::Problem;
use fleet::may_set_labels;
use identity::Principal;
use labels::Labels;
use registry::Presence;

impl Enrolment {
    /// Issues a credential for a cluster's agents. The cluster need not be known yet.
    ///
    /// # Errors
    /// When the principal may not, the cluster has two already, the request does not prove the private key, or audit or bus are unavailable.
    pub async fn enroll(
        &self,
        principal: &Principal,
        source: &RequestSource,
        cluster: &ClusterName,
        request: Option<CredentialRequest>,
        labels: Labels,
    ) -> Result<(OperationId, Enrolled), Problem> {
        may_set_labels(principal, &labels)?;
        let Issuing { issuer, .. } = self.authorise(principal, cluster)?;
        let (cluster, by) = (cluster.clone(), principal.user.to_string());
        let cluster_labels = Arc::clone(&self.labels);
        let entry =
            self.journal
                .entry(&principal.user, source, "enroll", Target::cluster(&cluster));
        self.journal
            .record_to_end(entry, async move {
                let enrolled = issuer.enroll(&cluster, request.as_ref(), &by).await?;
                cluster_labels.put_first(&cluster, labels).await?;
                Ok::<_, EnrolmentError>(enrolled)
            })
            .await
    }

    /// Revokes one credential of a cluster; or all of them, and then removes the cluster.
    ///
    /// # Errors
    /// When the principal may not, the cluster has no such credential, or audit or bus are unavailable.
    pub async fn revoke(
        &self,
        principal: &Principal,
        source: &RequestSource,
        cluster: &ClusterName,
        key: Option<UserKey>,
    ) -> Result<(OperationId, Vec<UserKey>), Problem> {
        let Issuing { issuer, .. } = self.authorise(principal, cluster)?;
        let presence = self.registry.presence(cluster);
        let (clusters, registry) = (self.clusters.clone(), Arc::clone(&self.registry));
        let cluster = cluster.clone();
        let entry =
            self.journal
                .entry(&principal.user, source, "revoke", Target::cluster(&cluster));
        self.journal
            .record_to_end(entry, async move {
                let forget = async |credentials: &ClusterCredentials| {
                    let cluster = cluster.clone();
                    match presence {
                        Some(Presence::Offline) => {}
                        _ if !credentials.keys.is_empty() => {}
                        None if credentials.invited => {}
                        None => return Err(EnrolmentError::CredentialUnknown { cluster }),
                        // Its next heartbeat would bring it back.
                        Some(_) => return Err(EnrolmentError::CredentialUnrecorded { cluster }),
                    }
                    if key.is_none() {
                        clusters.forget_here_too(&registry, &cluster).await?;
                    }
                    Ok(())
                };
                issuer.revoke(&cluster, key.as_ref(), forget).await
            })
            .await
    }
}
