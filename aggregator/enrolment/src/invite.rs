//! One-time links that join a cluster: made by a user who may enroll, used by anyone who has them.

use std::sync::Arc;

use bus_schema::{ClusterName, OperationId, Right};

use super::{Enrolled, Enrolment, EnrolmentError, Invitation, StoredInvitation};
use audit::RequestSource;
use audit::Target;
use diagnostics::Problem;
use fleet::may_set_labels;
use identity::Principal;
use identity::sessions::{SessionKey, Token};

impl Enrolment {
    /// Makes a one-time link with which a cluster joins. The generation of the cluster is filled in here.
    ///
    /// # Errors
    /// When the principal may not, or audit or bus are unavailable.
    pub async fn invite(
        &self,
        principal: &Principal,
        source: &RequestSource,
        mut invitation: Invitation,
    ) -> Result<(OperationId, Token), Problem> {
        may_set_labels(principal, &invitation.labels)?;
        let issuing = self.authorise(principal, &invitation.cluster)?;
        let entry = self.journal.entry(
            &principal.user,
            source,
            "invite",
            Target::cluster(&invitation.cluster),
        );
        self.journal
            .record_to_end(entry, async move {
                invitation.generation = issuing.issuer.invite(&invitation.cluster).await?;
                issuing.invitations.make(&invitation).await
            })
            .await
    }

    /// The invitation with this id.
    ///
    /// # Errors
    /// When there is no valid invitation with this id, or the bus is unavailable.
    pub async fn invitation(&self, id: &SessionKey) -> Result<StoredInvitation, Problem> {
        let found = self.issuing()?.invitations.find(id).await?;
        found.ok_or_else(|| EnrolmentError::InvitationUnknown.into())
    }

    /// The invitations to clusters that the principal may enroll, the newest first.
    ///
    /// # Errors
    /// When the bus is unavailable.
    pub async fn invitations(
        &self,
        principal: &Principal,
    ) -> Result<Vec<StoredInvitation>, Problem> {
        let issuing = self.issuing()?;
        let mut found = issuing.invitations.list().await?;
        found.retain(|found| may_enroll(principal, &found.invitation));
        let mut still_good = Vec::with_capacity(found.len());
        for found in found {
            if issuing.issuer.still_invites(&found.invitation).await? {
                still_good.push(found);
            }
        }
        Ok(still_good)
    }

    /// Withdraws an invitation, so that it can no longer be used.
    ///
    /// # Errors
    /// When the principal may not enroll its cluster, it was used meanwhile, or audit or bus are unavailable.
    pub async fn withdraw(
        &self,
        principal: &Principal,
        source: &RequestSource,
        id: &SessionKey,
    ) -> Result<(OperationId, ClusterName), Problem> {
        let found = self.invitation(id).await?;
        if !may_enroll(principal, &found.invitation) {
            return Err(EnrolmentError::InvitationUnknown.into());
        }
        let cluster = found.invitation.cluster.clone();
        let issuing = self.authorise(principal, &cluster)?;
        let mut entry = self.journal.entry(
            &principal.user,
            source,
            "withdraw",
            Target::cluster(&cluster),
        );
        entry.detail = Some(format!("an invitation by {}", found.invitation.by));
        let withdrawn = self
            .journal
            .record_to_end(entry, async move { issuing.invitations.take(found).await });
        withdrawn
            .await
            .map(|(operation_id, _)| (operation_id, cluster))
    }

    /// Uses up a link: issues the credential on behalf of the user who made the link.
    ///
    /// # Errors
    /// When the link was used meanwhile, the cluster has two credentials already, or audit or bus are unavailable.
    pub async fn join(
        &self,
        found: StoredInvitation,
        source: &RequestSource,
    ) -> Result<(Invitation, Enrolled), Problem> {
        let issuing = self.issuing()?;
        let Invitation { cluster, by, .. } = &found.invitation;
        let mut entry = self
            .journal
            .entry(by, source, "enroll", Target::cluster(cluster));
        entry.detail = Some("by a link".to_owned());
        let cluster_labels = Arc::clone(&self.labels);
        let joined = self.journal.record_to_end(entry, async move {
            let (issuer, invitations) = (&issuing.issuer, &issuing.invitations);
            let invitation = found.invitation.clone();
            let enrolled = issuer.enroll_invited(found, invitations).await?;
            let (cluster, labels) = (&invitation.cluster, invitation.labels.clone());
            cluster_labels.put_first(cluster, labels).await?;
            Ok::<_, EnrolmentError>((invitation, enrolled))
        });
        joined.await.map(|(_, joined)| joined)
    }
}

/// An invitation to a cluster that the principal may not enroll is treated as if it did not exist.
fn may_enroll(principal: &Principal, invitation: &Invitation) -> bool {
    principal
        .grants
        .may(Right::Enroll, &invitation.cluster, None)
}
