//! `POST /clusters/{cluster}/enroll` and `DELETE /clusters/{cluster}`

use axum::Json;
use axum::extract::State;
use bus_keys::{CredentialRequest, UserKey};
use bus_schema::{AllowedVerbs, ClusterName, OperationId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};
use enrolment::{Agent, ImageName, IssuedCredential, check_addresses};
use labels::Labels;

/// Which cluster.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ClusterPath {
    /// The cluster.
    pub(super) cluster: ClusterName,
}

/// How the cluster is to join.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub struct EnrollBody {
    /// The output of `agent keygen FILE CLUSTER`: a public key, signed with its private key. The response then contains no private key.
    #[schema(pattern = r"^U[A-Z2-7]{55}\.[A-Za-z0-9_-]{86}$")]
    credential_request: Option<String>,
    /// The address at which the cluster reaches the nats-server, if not that of `--agent-nats-url`.
    nats_url: Option<String>,
    /// The agent's image, if not that of `--agent-image`.
    #[schema(value_type = Option<ImageName>)]
    image: Option<String>,
    /// The changes that the agent may make [default: `restart` alone]; an empty list: none.
    verbs: Option<AllowedVerbs>,
    /// Labels to add to the cluster. Requires the right to enroll every cluster.
    #[serde(default)]
    labels: Labels,
}

/// The manifest or token with which the cluster joins.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrolledCluster {
    /// The id of the operation in the audit.
    operation_id: OperationId,
    /// The cluster.
    cluster: ClusterName,
    /// The public key of the credential, needed to revoke it.
    public_key: String,
    /// For `kubectl apply -f -`. It contains a private key and cannot be retrieved again. Absent with `credential_request`.
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    /// The token, with `credential_request` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<String>,
}

/// Which credentials were revoked.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedCluster {
    /// The id of the operation in the audit.
    operation_id: OperationId,
    /// The cluster.
    cluster: ClusterName,
    /// The public keys of its credentials.
    revoked: Vec<String>,
}

/// One credential of several.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RevokeQuery {
    /// Revoke only the credential with this public key; the cluster is then not removed.
    #[param(pattern = "^U[A-Z2-7]{55}$")]
    key: Option<String>,
}

/// Enroll a cluster
///
/// The response has a manifest for `kubectl apply -f -`, or the token for a key that was made in the cluster. A
/// cluster may have two credentials, so that one can replace the other.
#[utoipa::path(post, path = "/clusters/{cluster}/enroll", tag = "Fleet", params(ClusterPath), request_body = EnrollBody,
    responses((status = 200, description = "The manifest or token, shown only once", body = EnrolledCluster), OwnProblem))]
pub async fn enroll_cluster(
    State(app): State<App>,
    caller: Caller,
    extract::Path(ClusterPath { cluster }): extract::Path<ClusterPath>,
    extract::Json(body): extract::Json<EnrollBody>,
) -> Result<Json<EnrolledCluster>, ProblemResponse> {
    let request = body.credential_request.as_deref();
    let request = request.map(str::parse::<CredentialRequest>).transpose();
    let request = request.map_err(|error| invalid("credential_request", &error))?;
    if request.is_none() {
        app.links.carry_secrets()?;
    }
    let agent = agent(&app, body.nats_url, body.image, body.verbs)?;
    let enrolled = app.enrolment.enroll(
        &caller.principal,
        &caller.source,
        &cluster,
        request,
        body.labels,
    );
    let (operation_id, enrolled) = enrolled.await?;
    let (manifest, jwt) = match enrolled.credential {
        IssuedCredential::Credentials(secret) => (Some(agent.manifest(&cluster, &secret)), None),
        IssuedCredential::Token(token) => (None, Some(token.as_str().to_owned())),
    };
    Ok(Json(EnrolledCluster {
        operation_id,
        cluster,
        public_key: enrolled.public_key.to_string(),
        manifest,
        jwt,
    }))
}

/// Revoke a cluster
///
/// Revokes all its credentials, disconnects its agents, voids its links of `POST …/invite`, and removes the cluster. With `key`, revokes
/// only that credential.
#[utoipa::path(delete, path = "/clusters/{cluster}", tag = "Fleet", params(ClusterPath, RevokeQuery),
    responses((status = 200, description = "The revoked credentials", body = RevokedCluster), OwnProblem))]
pub async fn revoke_cluster(
    State(app): State<App>,
    caller: Caller,
    extract::Path(ClusterPath { cluster }): extract::Path<ClusterPath>,
    extract::Query(RevokeQuery { key }): extract::Query<RevokeQuery>,
) -> Result<Json<RevokedCluster>, ProblemResponse> {
    let key = key.as_deref().map(str::parse::<UserKey>).transpose();
    let key = key.map_err(|error| invalid("key", &error))?;
    let revoked = app
        .enrolment
        .revoke(&caller.principal, &caller.source, &cluster, key);
    let (operation_id, revoked) = revoked.await?;
    Ok(Json(RevokedCluster {
        operation_id,
        cluster,
        revoked: revoked.iter().map(ToString::to_string).collect(),
    }))
}

/// The settings of the cluster's agent: those of this aggregator, except where the caller overrides them.
pub(super) fn agent(
    app: &App,
    nats_url: Option<String>,
    image: Option<String>,
    verbs: Option<AllowedVerbs>,
) -> Result<Agent, Problem> {
    let image = image.map(|image| image.parse::<ImageName>()).transpose();
    let image = image.map_err(|error| invalid("image", &error))?;
    if let Some(url) = &nats_url {
        check_addresses(url).map_err(|error| invalid("nats_url", &error))?;
    }
    let usual = app.agents.clone();
    Ok(Agent {
        nats_url: nats_url.unwrap_or(usual.nats_url),
        nats_ca: usual.nats_ca,
        image: image.unwrap_or(usual.image),
        verbs: verbs.unwrap_or(usual.verbs),
    })
}

pub(super) fn invalid(field: &'static str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(ProblemCode::InvalidValue, format!("{field}: {error}")).field(field)
}
