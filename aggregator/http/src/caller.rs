//! The caller of a call: who, from where, and for how long. A handler that takes a [`Caller`] cannot be called without authentication.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::{HeaderValue, header, request::Parts};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::app::App;
use crate::authentication::{Authenticated, Revocation};
use crate::client_address::ClientAddress;
use crate::problem_response::ProblemResponse;
use audit::RequestSource;
use diagnostics::{Problem, ProblemCode};
use identity::Principal;
use identity::password::UserKey;
use identity::users::User;
use limits::{Stream, StreamPermit, StreamQuota};

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The acting user, with the grants at the time of the call.
    pub principal: Principal,
    /// Where the request came from.
    pub source: RequestSource,
    /// Ends long-lived responses when the rights change.
    pub revocation: Revocation,
    /// When the credential of the call was issued.
    pub credential_created_at: Timestamp,
    user: Arc<User>,
    quota: Arc<StreamQuota>,
}

impl Caller {
    fn new(authenticated: Authenticated, source: RequestSource, app: &App) -> Self {
        let Authenticated {
            principal,
            user,
            created_at,
            lifetime,
        } = authenticated;
        let (users, labels) = (app.identity.users.subscribe(), app.registry.labels());
        let grants = Arc::clone(&principal.grants);
        Self {
            revocation: Revocation::new(Arc::clone(&user), grants, lifetime, users, labels),
            principal,
            source,
            credential_created_at: created_at,
            user,
            quota: Arc::clone(&app.identity.stream_quota),
        }
    }

    /// A key of this user, the same on all replicas until the password changes.
    #[must_use]
    pub fn key(&self, purpose: &str) -> UserKey {
        UserKey::derive(&self.user.name, &self.user.password_hash, purpose)
    }

    /// The fingerprint by which a changed password is detected.
    #[must_use]
    pub fn password_fingerprint(&self) -> String {
        self.user.password_hash.fingerprint()
    }

    /// A permit for one more stream.
    ///
    /// # Errors
    /// [`ProblemCode::RateLimited`] when the limit of the user, or of all users together, is reached.
    pub fn acquire(&self, stream: Stream) -> Result<StreamPermit, Problem> {
        let permit = self.quota.acquire(stream, &self.principal.user);
        permit.map_err(Problem::from)
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Unauthenticated;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Unauthenticated> {
        let Source(source) = Source::from_request_parts(parts, app).await?;
        let authenticated = app.authenticators.authenticate(parts).await;
        let authenticated = authenticated.ok_or_else(|| Unauthenticated(missing()))?;
        Ok(Self::new(authenticated, source, app))
    }
}

/// Where a call comes from, authenticated or not.
#[derive(Debug, Clone)]
pub struct Source(pub RequestSource);

impl FromRequestParts<App> for Source {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ProblemResponse> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        // Set by the outermost middleware.
        let id = parts.headers.get("x-request-id");
        let id = id.and_then(|id| id.to_str().ok());
        Ok(Self(RequestSource {
            address: Some(address),
            request_id: id.map(ToOwned::to_owned),
            operation_id: parts.extensions.get().cloned(),
            run_id: None,
        }))
    }
}

/// The same text whatever is wrong with a credential, so that guesses reveal nothing.
fn missing() -> Problem {
    Problem::new(
        ProblemCode::Unauthenticated,
        "sign in with POST /login and send the token as the header Authorization: Bearer",
    )
}

/// The call needs a session.
#[derive(Debug)]
pub struct Unauthenticated(Problem);

impl From<ProblemResponse> for Unauthenticated {
    fn from(ProblemResponse(problem): ProblemResponse) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Unauthenticated {
    fn into_response(self) -> Response {
        let scheme = HeaderValue::from_static("Bearer");
        let challenge = (self.0.code == ProblemCode::Unauthenticated)
            .then_some([(header::WWW_AUTHENTICATE, scheme)]);
        let mut response = ProblemResponse(self.0).into_response();
        for (name, value) in challenge.into_iter().flatten() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
