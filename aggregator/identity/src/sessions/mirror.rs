//! The sessions in memory, kept up to date by a watch of the bucket: what is there and what is gone, by revision.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Session, SessionKey};
use crate::CredentialLifetime;
use storage::WatchEvent;

/// A session, and until when it goes on.
#[derive(Debug)]
pub struct SessionHandle {
    /// What stands in the bucket.
    pub session: Session,
    /// Until the bucket says that it has ended; also if that does not get through no longer than sessions last, from when it was first seen here.
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

    /// Takes in what the bucket says.
    pub(super) fn apply(&self, event: WatchEvent<Session>) {
        match event {
            // The sessions of another bucket end with the snapshot of this one, unless they are in it too.
            WatchEvent::Replaced => {}
            WatchEvent::Changed(key, entry) => match entry.record {
                Ok(Some(session)) => self.put(key, entry.revision, session),
                // Whatever has taken the place of a session has ended it.
                Ok(None) | Err(_) => self.forget(&key),
            },
            WatchEvent::Synced(snapshot) => {
                self.retain(|key, revision| snapshot.has(key, revision));
            }
        }
    }

    /// A session as it stands in the bucket since this revision. What was put before stays, with all who wait for its end.
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

    /// Ends a session by this replica's own word. It stays on the list as ended, so that an echo of its beginning, still under way
    /// from the bucket, does not bring it back; the bucket's word of its end will take it off.
    pub(super) fn end(&self, key: &SessionKey) {
        if let Some(handle) = self.read().get(key) {
            handle.lifetime.revoke();
        }
    }

    /// Ends a session by the bucket's word: nothing about it can follow.
    pub(super) fn forget(&self, key: &SessionKey) {
        if let Some(handle) = self.write().remove(key) {
            handle.lifetime.revoke();
        }
    }

    /// Ends all that `keep` does not name.
    pub(super) fn retain(&self, keep: impl Fn(&SessionKey, u64) -> bool) {
        self.write().retain(|key, handle| {
            let kept = keep(key, handle.revision) && !handle.lifetime.is_over();
            if !kept {
                handle.lifetime.revoke();
            }
            kept
        });
    }

    /// The user's oldest sessions that are too many when only this many may stay.
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
