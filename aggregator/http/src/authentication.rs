//! Authentication of calls: one [`Authenticator`] for each kind of credential. What the caller may do is decided by the principal's grants.

use std::fmt;
use std::sync::Arc;

use axum::http::request::Parts;
use futures::future::BoxFuture;
use jiff::Timestamp;

use identity::CredentialLifetime;
use identity::Principal;
use identity::users::User;

mod presented;
mod revocation;
mod session;

pub use presented::PresentedCredential;
pub use revocation::Revocation;
pub use session::SessionAuthenticator;

/// Authenticates by one kind of credential.
pub trait Authenticator: fmt::Debug + Send + Sync {
    /// Authenticates the credential in the request. Credentials in URLs are never accepted, since URLs end up in logs and histories.
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Authentication>;
}

/// The verdict of an authenticator on a request.
#[derive(Debug)]
pub enum Authentication {
    /// The request has no credential of this kind: the next authenticator is tried.
    NotPresented,
    /// The credential is not valid. No other authenticator is tried, so that a wrong credential is never ignored.
    Rejected,
    /// The credential is valid.
    Authenticated(Box<Authenticated>),
}

/// The holder of a valid credential.
#[derive(Debug)]
pub struct Authenticated {
    /// The acting user.
    pub principal: Principal,
    /// The user at that time: a change of grants or password ends streams that were opened before.
    pub user: Arc<User>,
    /// When the credential was issued.
    pub created_at: Timestamp,
    /// Its lifetime.
    pub lifetime: CredentialLifetime,
}

/// All authenticators, in the order in which they are tried.
#[derive(Debug)]
pub struct Authenticators(Vec<Box<dyn Authenticator>>);

impl Authenticators {
    /// These authenticators, in this order. The last one should reject every bearer token that it does not know.
    #[must_use]
    pub fn new(authenticators: Vec<Box<dyn Authenticator>>) -> Self {
        Self(authenticators)
    }

    /// The caller; `None` without a credential and with an invalid one alike, which a client must not be able to distinguish.
    pub async fn authenticate(&self, request: &Parts) -> Option<Authenticated> {
        for authenticator in &self.0 {
            match authenticator.authenticate(request).await {
                Authentication::NotPresented => {}
                Authentication::Rejected => return None,
                Authentication::Authenticated(authenticated) => return Some(*authenticated),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
