//! Ends the sessions of users who were removed or have another password. Nobody can use them, but if the file got the user back as before,
//! they would be valid again.

use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::{Session, SessionKey, Sessions};
use crate::users::{Directory, Users};

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Ends them at the start and at each change of the file, until there is no more directory of users.
pub async fn end_stale_sessions(sessions: Sessions, users: Users) {
    let mut changes = users.subscribe();
    drop(users);
    let mut before: Option<Arc<Directory>> = None;
    loop {
        let now = Arc::clone(&changes.borrow_and_update());
        // A user that was not there before may be in a newer version of the file, which another replica has read already.
        let is_stale = |session: &Session| {
            let has = |directory: &Directory| {
                let user = directory.find_with(&session.user, &session.credential);
                user.is_some()
            };
            !has(&now) && before.as_deref().is_none_or(has)
        };
        sessions.end_each(sessions.mirror.keys(is_stale)).await;
        before = Some(now);
        if changes.changed().await.is_err() {
            return;
        }
    }
}

impl Sessions {
    /// Ends all of these, here at once, and in the bucket as soon as that can be stored.
    async fn end_each(&self, keys: Vec<SessionKey>) {
        if !keys.is_empty() {
            let sessions = keys.len();
            info!(
                sessions,
                "ending sessions of users that were removed or have another password"
            );
        }
        for key in &keys {
            self.mirror.end(key);
        }
        for key in keys {
            while self.end(&key).await.is_err() {
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}
