//! `GET /invitations` and `DELETE /invitations/{invitation_id}`: commands that were not run yet.

use axum::Json;
use axum::extract::State;
use bus_schema::{ClusterName, OperationId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::enrolment::invalid;
use super::join::still_may;
use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use enrolment::{INVITATION_LASTS, StoredInvitation};
use identity::sessions::SessionKey;
use labels::Labels;

/// Invitations that can still be used.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationList {
    /// The newest first.
    items: Vec<PendingInvitation>,
}

/// A command of `POST /clusters/{cluster}/invite` that was not run yet.
#[derive(Debug, Serialize, ToSchema)]
pub struct PendingInvitation {
    /// The id to withdraw it by. It is not a secret: it cannot be used to join.
    #[schema(pattern = "^[0-9a-f]{64}$", min_length = 64, max_length = 64)]
    id: String,
    /// The cluster that it joins.
    cluster: ClusterName,
    /// The labels that the cluster gets.
    labels: Labels,
    /// The user who made it.
    by: String,
    /// When it was made.
    created_at: Timestamp,
    /// When it expires.
    expires_at: Timestamp,
}

impl From<StoredInvitation> for PendingInvitation {
    fn from(found: StoredInvitation) -> Self {
        Self {
            id: found.id.as_str().to_owned(),
            cluster: found.invitation.cluster,
            labels: found.invitation.labels,
            by: found.invitation.by,
            created_at: found.created_at,
            expires_at: found.created_at + INVITATION_LASTS,
        }
    }
}

/// A withdrawn invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct WithdrawnInvitation {
    /// The id of the operation in the audit.
    operation_id: OperationId,
    /// The cluster.
    cluster: ClusterName,
}

/// Which invitation.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct InvitationPath {
    /// Its `id` in `GET /invitations`.
    #[param(pattern = "^[0-9a-f]{64}$", min_length = 64, max_length = 64)]
    invitation_id: String,
}

/// Invitations that can be used
///
/// Lists invitations to clusters that the caller may enroll, except those that were used or withdrawn, have expired, or whose maker has lost
/// the right to make them.
#[utoipa::path(get, path = "/invitations", tag = "Fleet", responses((status = 200, description = "The invitations", body = InvitationList), OwnProblem))]
pub async fn list_invitations(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<InvitationList>, ProblemResponse> {
    let mut found = app.enrolment.invitations(&caller.principal).await?;
    found.retain(|found| still_may(&app, &found.invitation).is_ok());
    Ok(Json(InvitationList {
        items: found.into_iter().map(PendingInvitation::from).collect(),
    }))
}

/// Withdraw an invitation
///
/// Its command no longer works. A cluster that has joined with it stays enrolled: revoke that with `DELETE /clusters/{cluster}`.
#[utoipa::path(delete, path = "/invitations/{invitation_id}", tag = "Fleet", params(InvitationPath),
    responses((status = 200, description = "The invitation is void", body = WithdrawnInvitation), OwnProblem))]
pub async fn withdraw_invitation(
    State(app): State<App>,
    caller: Caller,
    extract::Path(InvitationPath { invitation_id }): extract::Path<InvitationPath>,
) -> Result<Json<WithdrawnInvitation>, ProblemResponse> {
    let id = invitation_id.parse::<SessionKey>();
    let id = id.map_err(|error| invalid("invitation_id", &error))?;
    let (operation_id, cluster) = app
        .enrolment
        .withdraw(&caller.principal, &caller.source, &id)
        .await?;
    Ok(Json(WithdrawnInvitation {
        operation_id,
        cluster,
    }))
}
