//! The mirror of the sessions in memory, updated by a watch of the bucket. Revisions decide which state is newer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Session, SessionKey};
use crate::CredentialLifetime;
use storage::WatchEvent;

/// A session and its lifetime.
#[derive(Debug)]
pub struct SessionHandle {
    /// The record in the bucket.
    pub session: Session,
    /// Ends when the bucket reports the end of the session; at the latest one session length after it was first seen here, in case the report
    /// does not arrive.
    pub lifetime: CredentialLifetime,
    revision: u64,
}

type Map = HashMap<SessionKey, Arc<SessionHandle>>;

#[derive(Debug)]
pub(super) struct Mirror {
    lasts: Duration,
    sessions: RwLock<Map>,
}

impl Mirror {
    pub(super) fn new(lasts: Duration) -> Self {
        Self {
            lasts,
            sessions: RwLock::default(),
        }
    }

    pub(super) fn find(&self, key: &SessionKey) -> Option<Arc<SessionHandle>> {
        let handle = self.read().get(key).cloned()?;
        (!handle.lifetime.is_over()).then_some(handle)
    }

    /// Applies an event of the bucket.
    pub(super) fn apply(&self, event: WatchEvent<Session>) {
        match event {
            // The bucket was created again: sessions that it does not have end with its snapshot.
            WatchEvent::Replaced => {}
            WatchEvent::Changed(key, entry) => match entry.record {
                Ok(Some(session)) => self.put(key, entry.revision, session),
                // Deleted, expired or unreadable: the session has ended.
                Ok(None) | Err(_) => self.forget(&key),
            },
            WatchEvent::Synced(snapshot) => {
                self.retain(|key, revision| snapshot.has(key, revision));
            }
        }
    }

    /// Adds a session with its revision. If the mirror has this revision or a newer one, that stays, with everything that waits for its end.
    pub(super) fn put(&self, key: SessionKey, revision: u64, session: Session) {
        let mut map = self.write();
        if map
            .get(&key)
            .is_some_and(|there| there.revision >= revision)
        {
            return;
        }
        let handle = SessionHandle {
            session,
            lifetime: CredentialLifetime::starting_now(self.lasts),
            revision,
        };
        if let Some(before) = map.insert(key, Arc::new(handle)) {
            before.lifetime.revoke();
        }
    }

    /// Ends a session that this replica has deleted. It stays in the mirror as ended, so that the event of its creation, which may still be
    /// in transit from the bucket, does not bring it back. The event of its deletion will remove it.
    pub(super) fn end(&self, key: &SessionKey) {
        if let Some(handle) = self.read().get(key) {
            handle.lifetime.revoke();
        }
    }

    /// Removes a session whose end the bucket has reported: no older event can follow.
    pub(super) fn forget(&self, key: &SessionKey) {
        if let Some(handle) = self.write().remove(key) {
            handle.lifetime.revoke();
        }
    }

    /// Ends all sessions for which `exists` is false.
    pub(super) fn retain(&self, exists: impl Fn(&SessionKey, u64) -> bool) {
        self.write().retain(|key, handle| {
            let retained = exists(key, handle.revision) && !handle.lifetime.is_over();
            if !retained {
                handle.lifetime.revoke();
            }
            retained
        });
    }

    /// The keys of the sessions that are chosen, if they are not over.
    pub(super) fn keys(&self, choose: impl Fn(&Session) -> bool) -> Vec<SessionKey> {
        let map = self.read();
        let chosen = map
            .iter()
            .filter(|(_, handle)| !handle.lifetime.is_over() && choose(&handle.session));
        chosen.map(|(key, _)| key.clone()).collect()
    }

    /// The user's oldest sessions, beyond the newest `stay`.
    pub(super) fn beyond(&self, user: &str, stay: usize) -> Vec<SessionKey> {
        let map = self.read();
        let mut of_user: Vec<_> = map
            .iter()
            .filter(|(_, handle)| handle.session.user == user && !handle.lifetime.is_over())
            .collect();
        of_user.sort_by_key(|(_, handle)| std::cmp::Reverse(handle.revision));
        let beyond = of_user.into_iter().skip(stay);
        beyond.map(|(key, _)| key.clone()).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Map> {
        self.sessions.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Map> {
        self.sessions.write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::{LASTS, Via};

    fn key(text: &str) -> SessionKey {
        SessionKey::from(text.to_owned())
    }

    fn session(user: &str) -> Session {
        Session {
            user: user.to_owned(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            via: Via::Password,
            credential: String::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_over_when_it_is_old_whatever_the_bucket_says() {
        let mirror = Mirror::new(LASTS);
        mirror.put(key("a"), 1, session("ana"));
        let handle = mirror.find(&key("a")).unwrap();
        tokio::time::advance(LASTS - Duration::from_secs(1)).await;
        assert!(mirror.find(&key("a")).is_some());
        handle.lifetime.ended().await;
        assert!(mirror.find(&key("a")).is_none());
    }

    #[tokio::test]
    async fn an_echo_does_not_bring_back_what_was_ended_here() {
        let mirror = Mirror::new(LASTS);
        mirror.put(key("a"), 1, session("ana"));
        let handle = mirror.find(&key("a")).unwrap();
        mirror.end(&key("a"));
        handle.lifetime.ended().await;
        mirror.put(key("a"), 1, session("ana"));
        assert!(mirror.find(&key("a")).is_none());
    }

    #[tokio::test]
    async fn an_echo_of_a_beginning_ends_nothing() {
        let mirror = Mirror::new(LASTS);
        mirror.put(key("a"), 1, session("ana"));
        let handle = mirror.find(&key("a")).unwrap();
        mirror.put(key("a"), 1, session("ana"));
        assert!(!handle.lifetime.is_over());
    }

    #[tokio::test]
    async fn what_is_not_retained_ends() {
        let mirror = Mirror::new(LASTS);
        mirror.put(key("a"), 1, session("ana"));
        mirror.put(key("b"), 2, session("bob"));
        let (a, b) = (
            mirror.find(&key("a")).unwrap(),
            mirror.find(&key("b")).unwrap(),
        );
        mirror.retain(|key, _| key.as_str() == "b");
        assert!(a.lifetime.is_over() && !b.lifetime.is_over());
        assert!(mirror.find(&key("a")).is_none());
    }

    #[tokio::test]
    async fn the_oldest_of_a_user_are_beyond() {
        let mirror = Mirror::new(LASTS);
        for (revision, name) in [(1, "a"), (2, "b"), (3, "c")] {
            mirror.put(key(name), revision, session("ana"));
        }
        mirror.put(key("d"), 4, session("bob"));
        assert_eq!(mirror.beyond("ana", 1), [key("b"), key("a")]);
        assert!(mirror.beyond("ana", 3).is_empty());
    }
}
