//! The acting user. A value without I/O that knows nothing of HTTP: code that acts later, or on another replica, stores `user` and
//! `credential`, and looks up the grants again before each action.

use std::sync::Arc;

use crate::CredentialId;
use crate::Grants;

/// An authenticated user, with the grants at that moment.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The user's name.
    pub user: String,
    /// What the user may do.
    pub grants: Arc<Grants>,
    /// The credential that authenticated the user.
    pub credential: CredentialId,
}
