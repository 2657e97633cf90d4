//! Who makes a call: one [`Authenticator`] for each kind of credential. Says nothing of what may be done; that is decided by the principal's grants.

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
    /// Whose credential the request presents. Never looked for in a URL: those stand in logs and histories.
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Authentication>;
}

/// What an authenticator says of a request.
#[derive(Debug)]
pub enum Authentication {
    /// It presents no credential of this kind: the next authenticator is asked.
    NotPresented,
    /// It presents one that is not good. No other authenticator is asked: a program means what it says.
    Rejected,
    /// It presents a good one.
    Authenticated(Box<Authenticated>),
}

/// The holder of a good credential.
#[derive(Debug)]
pub struct Authenticated {
    /// Who acts.
    pub principal: Principal,
    /// The user as it was then: other grants or another password end what goes on in its name.
    pub user: Arc<User>,
    /// Since when the credential is there.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub lifetime: CredentialLifetime,
}

/// All authenticators, in the order in which they are asked.
#[derive(Debug)]
pub struct Authenticators(Vec<Box<dyn Authenticator>>);

impl Authenticators {
    /// These, in this order. The last one should reject every bearer token that is none of its own.
    #[must_use]
    pub fn new(authenticators: Vec<Box<dyn Authenticator>>) -> Self {
        Self(authenticators)
    }

    /// The caller; `None` without a credential and with one that is not good, which a client must not be able to distinguish.
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
