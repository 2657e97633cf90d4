//! One-time links that join a cluster: made by somebody who may, used by whoever has them.

use std::net::IpAddr;
use std::sync::Arc;

use bus_schema::{ClusterName, OperationId};

use super::Fleet;
use super::enroll::entry;
use super::order::RequestId;
use crate::actor::Actor;
use crate::enrolment::{Agent, Enrolled, EnrolmentError, Found, Invitation};
use crate::problem::Problem;
use crate::sessions::Token;

impl Fleet {
    /// Makes a link with which a cluster joins, once.
    ///
    /// # Errors
    /// When the actor may not, or audit or bus are away.
    pub async fn invite(
        self: &Arc<Self>,
        actor: &Actor,
        request_id: &RequestId,
        cluster: &ClusterName,
        agent: Agent,
    ) -> Result<(OperationId, Token), Problem> {
        let doorkeeper = self.doorkeeper(actor, cluster)?;
        let mut invitation = Invitation {
            cluster: cluster.clone(),
            agent,
            by: actor.user.clone(),
            credential: actor.session().credential.clone(),
            generation: 0,
        };
        let caller = (actor.user.as_str(), actor.address);
        let entry = entry(caller, request_id, "invite", cluster);
        self.audited(entry, async move {
            invitation.generation = doorkeeper.enrolment.invite(&invitation.cluster).await?;
            doorkeeper.invitations.make(&invitation).await
        })
        .await
    }

    /// What a link's token is for.
    ///
    /// # Errors
    /// When it is for nothing any more, or the bus is away.
    pub async fn invitation(&self, token: &Token) -> Result<Found, Problem> {
        let found = self.any_doorkeeper()?.invitations.find(token).await?;
        found.ok_or_else(|| EnrolmentError::InvitationUnknown.into())
    }

    /// Uses a link up: makes the credential, in the name of whoever has made the link.
    ///
    /// # Errors
    /// When another one was faster, the cluster has two credentials already, or audit or bus are away.
    pub async fn join(
        self: &Arc<Self>,
        found: Found,
        request_id: &RequestId,
        address: IpAddr,
    ) -> Result<(Invitation, Enrolled), Problem> {
        let doorkeeper = self.any_doorkeeper()?;
        let Invitation { cluster, by, .. } = &found.invitation;
        let mut entry = entry((by, address), request_id, "enroll", cluster);
        entry.detail = Some("by a link".to_owned());
        let joined = self.audited(entry, async move {
            let invitation = doorkeeper.invitations.take(found).await?;
            let enrolled = doorkeeper.enrolment.enroll_invited(&invitation).await?;
            Ok((invitation, enrolled))
        });
        joined.await.map(|(_, joined)| joined)
    }
}
