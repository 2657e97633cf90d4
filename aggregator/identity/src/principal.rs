//! Who acts. A value without I/O that says nothing of HTTP: what is done later, or by another replica, stores `user` and `credential`, and looks the
//! grants up anew before each act.

use std::sync::Arc;

use crate::CredentialId;
use crate::Grants;

/// A user who was authenticated, with what was granted at that moment.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The user's name.
    pub user: String,
    /// What the user may do.
    pub grants: Arc<Grants>,
    /// What it was proved with.
    pub credential: CredentialId,
}
