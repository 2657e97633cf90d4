//! Sign in, sign out, who am I.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts as _, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::AppendHeaders;
use axum_extra::extract::CookieJar;
use bus_schema::ClusterName;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::authentication::PresentedCredential;
use crate::caller::Caller;
use crate::client_address::ClientAddress;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use crate::sign_in::{self, Credentials};
use identity::Grant;
use identity::Principal;

mod credentials;

pub use credentials::{JsonCredentials, PasswordForm};

/// A new session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({"access_token": "mca_…", "token_type": "bearer", "expires_in": 43200})))]
pub struct SignedIn {
    /// Send it as the header `Authorization: Bearer …`. Browsers get it as a cookie too.
    access_token: String,
    /// Always `bearer`.
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
}

/// The session's, and the device's.
type Cookies = AppendHeaders<Vec<(HeaderName, String)>>;

/// Sign in.
#[utoipa::path(
    post, path = "/login", tag = "Session", operation_id = "login", security(()),
    request_body(content(
        (JsonCredentials = "application/json", example = json!({"username": "ana", "password": "correct horse battery staple"})),
        (PasswordForm = "application/x-www-form-urlencoded",
            example = json!({"grant_type": "password", "username": "ana", "password": "correct horse battery staple"})),
    )),
    responses(
        (status = 200, description = "A token, also set as a cookie for browsers", body = SignedIn),
        OwnProblem,
    ),
)]
pub async fn login(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    credentials: Credentials,
) -> Result<(Cookies, Json<SignedIn>), ProblemResponse> {
    let signed_in = sign_in::sign_in(&app, credentials, address, &headers).await?;
    app.dropped_cookie.warn_once(app.cookie, &headers);
    let sign_in::SignedIn {
        token,
        lasts,
        device,
    } = signed_in;
    let session = app.cookie.holding(&token, lasts);
    let cookies = [Some(session), device].into_iter().flatten();
    let cookies = cookies.map(|cookie| (SET_COOKIE, cookie.to_string()));
    let signed_in = SignedIn {
        access_token: token.expose().to_owned(),
        token_type: "bearer",
        expires_in: lasts.as_secs(),
    };
    Ok((AppendHeaders(cookies.collect()), Json(signed_in)))
}

/// Sign out. Ends the session on all replicas. Succeeds also without a session.
#[utoipa::path(
    post, path = "/logout", tag = "Session", operation_id = "logout",
    responses((status = 204, description = "Signed out"), OwnProblem),
)]
pub async fn logout(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    request: Request,
) -> Result<(StatusCode, CookieJar), ProblemResponse> {
    let (mut parts, _) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await.ok();
    let token = PresentedCredential::in_headers(&headers, app.cookie);
    let token = token.and_then(PresentedCredential::token);
    if let Some(token) = token {
        let user = caller.as_ref().map(|caller| &*caller.principal.user);
        sign_in::sign_out(&app, &token, user, address).await?;
    }
    let emptied = CookieJar::new().add(app.cookie.emptied());
    Ok((StatusCode::NO_CONTENT, emptied))
}

/// The signed-in user, with grants and session.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    /// The user's name.
    user: String,
    /// What the user was granted, and where.
    grants: Vec<MyGrant>,
    /// The session of this call.
    session: MySession,
}

/// A grant as its holder sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyGrant {
    #[serde(flatten)]
    grant: Grant,
    /// The clusters that it covers now, if it selects them by labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    labelled_clusters: Option<Vec<ClusterName>>,
}

/// A session as its holder sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MySession {
    /// When it began.
    created_at: Timestamp,
}

/// Who am I, and what may I do?
#[utoipa::path(
    get, path = "/me", tag = "Session", operation_id = "me",
    responses((status = 200, description = "The user of this session", body = Me), OwnProblem),
)]
pub async fn me(caller: Caller) -> Json<Me> {
    let Principal { user, grants, .. } = caller.principal;
    let shown = grants.as_slice().iter().map(|grant| MyGrant {
        grant: grant.clone(),
        labelled_clusters: grants
            .labelled_clusters(grant)
            .map(|clusters| clusters.cloned().collect()),
    });
    Json(Me {
        grants: shown.collect(),
        session: MySession {
            created_at: caller.credential_created_at,
        },
        user,
    })
}

impl FromRequest<App> for Credentials {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, _: &App) -> Result<Self, ProblemResponse> {
        Ok(credentials::read(request).await?)
    }
}
