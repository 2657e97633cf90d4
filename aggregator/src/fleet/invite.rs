//! One-time links that join a cluster: made by somebody who may, used by whoever has them.

use std::sync::Arc;

use bus_schema::{ClusterName, OperationId, Right};

use super::Fleet;
use super::label::may_set;
use crate::enrolment::{Enrolled, EnrolmentError, Found, Invitation};
use audit::RequestSource;
use audit::Target;
use diagnostics::Problem;
use identity::Principal;
use identity::sessions::{SessionKey, Token};

impl Fleet {
    /// Makes a link with which a cluster joins, once. The generation of the cluster is filled in.
    ///
    /// # Errors
    /// When the principal may not, or audit or bus are away.
    pub async fn invite(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        mut invitation: Invitation,
    ) -> Result<(OperationId, Token), Problem> {
        may_set(principal, &invitation.labels)?;
        let doorkeeper = self.doorkeeper(principal, &invitation.cluster)?;
        let entry = self.entry(
            &principal.user,
            source,
            "invite",
            Target::cluster(&invitation.cluster),
        );
        self.record(entry, async move {
            invitation.generation = doorkeeper.enrolment.invite(&invitation.cluster).await?;
            doorkeeper.invitations.make(&invitation).await
        })
        .await
    }

    /// The invitation of this id.
    ///
    /// # Errors
    /// When it is good for nothing any more, or the bus is away.
    pub async fn invitation(&self, id: &SessionKey) -> Result<Found, Problem> {
        let found = self.any_doorkeeper()?.invitations.find(id).await?;
        found.ok_or_else(|| EnrolmentError::InvitationUnknown.into())
    }

    /// The invitations to clusters that the principal may enroll, the newest first.
    ///
    /// # Errors
    /// When the bus is away.
    pub async fn invitations(&self, principal: &Principal) -> Result<Vec<Found>, Problem> {
        let doorkeeper = self.any_doorkeeper()?;
        let mut found = doorkeeper.invitations.list().await?;
        found.retain(|found| may_enroll(principal, &found.invitation));
        let mut still_good = Vec::with_capacity(found.len());
        for found in found {
            if doorkeeper
                .enrolment
                .still_invites(&found.invitation)
                .await?
            {
                still_good.push(found);
            }
        }
        Ok(still_good)
    }

    /// Withdraws an invitation: nobody joins with it any more.
    ///
    /// # Errors
    /// When the principal may not enroll its cluster, it was used meanwhile, or audit or bus are away.
    pub async fn withdraw(
        self: &Arc<Self>,
        principal: &Principal,
        source: &RequestSource,
        id: &SessionKey,
    ) -> Result<(OperationId, ClusterName), Problem> {
        let found = self.invitation(id).await?;
        if !may_enroll(principal, &found.invitation) {
            return Err(EnrolmentError::InvitationUnknown.into());
        }
        let cluster = found.invitation.cluster.clone();
        let doorkeeper = self.doorkeeper(principal, &cluster)?;
        let mut entry = self.entry(
            &principal.user,
            source,
            "withdraw",
            Target::cluster(&cluster),
        );
        entry.detail = Some(format!("an invitation by {}", found.invitation.by));
        let withdrawn = self.record(
            entry,
            async move { doorkeeper.invitations.take(found).await },
        );
        withdrawn
            .await
            .map(|(operation_id, _)| (operation_id, cluster))
    }

    /// Uses a link up: makes the credential, in the name of whoever has made the link.
    ///
    /// # Errors
    /// When another one was faster, the cluster has two credentials already, or audit or bus are away.
    pub async fn join(
        self: &Arc<Self>,
        found: Found,
        source: &RequestSource,
    ) -> Result<(Invitation, Enrolled), Problem> {
        let doorkeeper = self.any_doorkeeper()?;
        let Invitation { cluster, by, .. } = &found.invitation;
        let mut entry = self.entry(by, source, "enroll", Target::cluster(cluster));
        entry.detail = Some("by a link".to_owned());
        let fleet = Arc::clone(self);
        let joined = self.record(entry, async move {
            let (enrolment, invitations) = (&doorkeeper.enrolment, &doorkeeper.invitations);
            let invitation = found.invitation.clone();
            let enrolled = enrolment.enroll_invited(found, invitations).await?;
            let (cluster, labels) = (&invitation.cluster, invitation.labels.clone());
            fleet.put_first_labels(cluster, labels).await?;
            Ok::<_, EnrolmentError>((invitation, enrolled))
        });
        joined.await.map(|(_, joined)| joined)
    }
}

/// Of an invitation to another cluster nothing is said, not even that it is there.
fn may_enroll(principal: &Principal, invitation: &Invitation) -> bool {
    principal
        .grants
        .may(Right::Enroll, &invitation.cluster, None)
}
