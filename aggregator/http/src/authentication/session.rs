//! Sessions, by the header or the cookie.

use std::sync::Arc;

use axum::http::request::Parts;
use futures::future::BoxFuture;
use tokio::sync::watch;

use super::{Authenticated, Authentication, Authenticator, PresentedCredential};
use crate::session_cookie::SessionCookie;
use identity::Principal;
use identity::sessions::{Sessions, Token};
use identity::users::Users;
use labels::FleetLabels;

/// Authenticates by the token of a session. Rejects every bearer token of another kind, so it must be tried last.
#[derive(Debug)]
pub struct SessionAuthenticator {
    users: Users,
    sessions: Sessions,
    cookie: SessionCookie,
    labels: watch::Receiver<Arc<FleetLabels>>,
}

impl SessionAuthenticator {
    /// For these sessions of these users. The labels are needed for grants that select clusters by them.
    #[must_use]
    pub fn new(
        users: Users,
        sessions: Sessions,
        cookie: SessionCookie,
        labels: watch::Receiver<Arc<FleetLabels>>,
    ) -> Self {
        Self {
            users,
            sessions,
            cookie,
            labels,
        }
    }

    /// The holder of a token, if its session is valid: its user still exists and has the same password.
    fn authenticated(&self, token: &Token) -> Option<Authenticated> {
        let handle = self.sessions.find(token)?;
        let session = &handle.session;
        let directory = self.users.current();
        let user = directory.find_with(&session.user, &session.credential)?;
        let labels = Arc::clone(&self.labels.borrow());
        Some(Authenticated {
            principal: Principal {
                user: user.name.clone(),
                grants: Arc::new(user.grants_with(labels)),
                credential: token.key().credential_id(),
            },
            user,
            created_at: session.created_at,
            lifetime: handle.lifetime.clone(),
        })
    }

    fn of_request(&self, request: &Parts) -> Authentication {
        let presented = PresentedCredential::in_headers(&request.headers, self.cookie);
        let Some(presented) = presented else {
            return Authentication::NotPresented;
        };
        match presented
            .token()
            .and_then(|token| self.authenticated(&token))
        {
            Some(authenticated) => Authentication::Authenticated(Box::new(authenticated)),
            None => Authentication::Rejected,
        }
    }
}

impl Authenticator for SessionAuthenticator {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Authentication> {
        Box::pin(async { self.of_request(request) })
    }
}
