//! `POST /clusters/{cluster}/invite` and `POST /join/{token}`: a one-time command that joins a cluster.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use bus_schema::{AllowedVerbs, ClusterName, OperationId, Right};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::enrolment::{ClusterPath, agent};
use crate::app::App;
use crate::caller::{Caller, Source};
use crate::client_address::ClientAddress;
use crate::extract;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use crate::sign_in::too_often;
use diagnostics::{Problem, ProblemCode};
use enrolment::{EnrolmentError, INVITATION_LASTS, ImageName, Invitation, IssuedCredential};
use fleet::may_label;
use identity::Grants;
use identity::sessions::Token;
use labels::Labels;

/// The path of links; what follows it is secret.
pub(super) const PREFIX: &str = "/join/";

/// How the cluster is to join.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct InviteBody {
    /// The address at which the cluster reaches the nats-server, if not that of `--agent-nats-url`.
    nats_url: Option<String>,
    /// The agent's image, if not that of `--agent-image`.
    #[schema(value_type = Option<ImageName>)]
    image: Option<String>,
    /// The changes that the agent may make [default: `restart` alone]; an empty list: none.
    verbs: Option<AllowedVerbs>,
    /// Labels to add to the cluster when the command is run. Requires the right to enroll every cluster.
    #[serde(default)]
    labels: Labels,
}

/// A one-time link that joins the cluster.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitedCluster {
    /// The id of the operation in the audit.
    operation_id: OperationId,
    /// The cluster.
    cluster: ClusterName,
    /// To be run by an administrator of the cluster.
    #[schema(
        example = "curl -fsS -X POST 'https://fleet.example/join/mca_…' | kubectl apply -f -"
    )]
    command: String,
    /// The link alone: POST it, and the answer is the manifest. Anyone who has it can join the cluster in your name.
    url: String,
    /// When it expires, if it is not used before.
    expires_at: Timestamp,
}

/// The token of a link.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct JoinPath {
    /// The token.
    token: String,
}

/// Make a command that joins a cluster
///
/// It can be run once, within 15 minutes. The credential is made when the command is run, and shown to no one else.
#[utoipa::path(post, path = "/clusters/{cluster}/invite", tag = "Fleet", params(ClusterPath), request_body = InviteBody,
    responses((status = 200, description = "The command, once", body = InvitedCluster), OwnProblem))]
pub async fn invite_cluster(
    State(app): State<App>,
    caller: Caller,
    extract::Path(ClusterPath { cluster }): extract::Path<ClusterPath>,
    extract::Json(body): extract::Json<InviteBody>,
) -> Result<Json<InvitedCluster>, ProblemResponse> {
    let agent = agent(&app, body.nats_url, body.image, body.verbs)?;
    let public_url = app.links.url()?;
    let expires_at = Timestamp::now() + INVITATION_LASTS;
    let invitation = Invitation {
        cluster: cluster.clone(),
        agent,
        labels: body.labels,
        by: caller.principal.user.clone(),
        credential: caller.password_fingerprint(),
        generation: 0,
    };
    let invited = app
        .enrolment
        .invite(&caller.principal, &caller.source, invitation);
    let (operation_id, token) = invited.await?;
    let url = public_url.of_path(&format!("{PREFIX}{}", token.expose()));
    Ok(Json(InvitedCluster {
        operation_id,
        cluster,
        command: format!("curl -fsS -X POST '{url}' | kubectl apply -f -"),
        url,
        expires_at,
    }))
}

/// Join a cluster by a link
///
/// For the command of `POST /clusters/{cluster}/invite`. Not a GET, so that link previews and scanners do not use up the link.
#[utoipa::path(post, path = "/join/{token}", tag = "Fleet", params(JoinPath), security(()),
    responses((status = 200, body = String, content_type = "application/yaml", description = "For `kubectl apply -f -`"), OwnProblem))]
pub async fn join_cluster(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Source(source): Source,
    extract::Path(JoinPath { token }): extract::Path<JoinPath>,
) -> Result<impl IntoResponse, ProblemResponse> {
    let attempts = &app.identity.attempts;
    app.links.carry_secrets()?;
    let sources = attempts.link(address);
    attempts
        .acquire(&sources, Instant::now())
        .map_err(too_often)?;
    let found = match Token::parse(&token) {
        Some(token) => app.enrolment.invitation(&token.key()).await,
        None => Err(EnrolmentError::InvitationUnknown.into()),
    };
    if !matches!(&found, Err(problem) if problem.code == ProblemCode::InvitationUnknown) {
        attempts.refund(&sources);
    }
    let found = found?;
    still_may(&app, &found.invitation)?;
    let joined = app.enrolment.join(found, &source);
    let (Invitation { cluster, agent, .. }, enrolled) = joined.await?;
    let IssuedCredential::Credentials(credentials) = &enrolled.credential else {
        return Err(Problem::new(ProblemCode::Internal, "no credential was made").into());
    };
    let manifest = agent.manifest(&cluster, credentials);
    Ok(([(header::CONTENT_TYPE, "application/yaml")], manifest))
}

/// A link is valid only while its maker still has the right to enroll and the same password.
pub(super) fn still_may(app: &App, invitation: &Invitation) -> Result<(), Problem> {
    let Invitation {
        cluster,
        labels,
        by,
        credential,
        ..
    } = invitation;
    let may = |grants: &Grants| {
        grants.may(Right::Enroll, cluster, None) && (labels.is_empty() || may_label(grants))
    };
    match app.identity.users.current().find_with(by, credential) {
        Some(user) if may(&user.grants_with(app.registry.current_labels())) => Ok(()),
        _ => Err(EnrolmentError::InvitationUnknown.into()),
    }
}
