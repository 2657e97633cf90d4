//! Users and sessions, with their limits.

use std::sync::Arc;

use crate::password::Passwords;
use crate::sessions::Sessions;
use crate::users::Users;
use limits::Attempts;
use limits::StreamQuota;

/// Users, their sessions, and what limits both.
#[derive(Debug)]
pub struct Identity {
    /// The users.
    pub users: Users,
    /// Their sessions.
    pub sessions: Sessions,
    /// The quota of their open streams.
    pub stream_quota: Arc<StreamQuota>,
    /// The password hasher.
    pub passwords: Passwords,
    /// The rate limit of sign-ins and links.
    pub attempts: Attempts,
    /// The rate limit of sign-outs from unknown sessions: a separate table, so that they do not count against sign-ins.
    pub unknown_sign_outs: Attempts,
}

impl Identity {
    /// Without any attempts yet.
    #[must_use]
    pub fn new(users: Users, sessions: Sessions) -> Self {
        Self {
            users,
            sessions,
            stream_quota: Arc::default(),
            passwords: Passwords::default(),
            attempts: Attempts::default(),
            unknown_sign_outs: Attempts::default(),
        }
    }
}
