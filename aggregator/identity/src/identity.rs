//! All that it takes to know who there is and who is signed in.

use std::sync::Arc;

use crate::password::Passwords;
use crate::sessions::Sessions;
use crate::users::Users;
use limits::Attempts;
use limits::StreamQuota;

/// Users, their sessions, and what limits both.
#[derive(Debug)]
pub struct Identity {
    /// Who there is.
    pub users: Users,
    /// Who is signed in.
    pub sessions: Sessions,
    /// How many streams they have open.
    pub stream_quota: Arc<StreamQuota>,
    /// The road to Argon2.
    pub passwords: Passwords,
    /// Who tries too often.
    pub attempts: Attempts,
    /// Who ends too many sessions that are not known: a table of its own, so that none of it counts for those who sign in.
    pub unknown_sign_outs: Attempts,
}

impl Identity {
    /// Nobody has tried anything yet.
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
