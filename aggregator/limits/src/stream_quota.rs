//! How many streams may be open, per user in all sessions and in total. Without a limit per user, one of them could take all permits; a limit
//! per session would have no effect, since a user may sign in any number of times.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use diagnostics::{Problem, ProblemCode};

/// A kind of stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// `GET /watch`.
    Fleet,
    /// A log that is followed.
    Log,
    /// A rollout that is watched.
    Rollout,
}

impl Stream {
    const fn per_user(self) -> usize {
        match self {
            Self::Fleet => 64,
            Self::Log | Self::Rollout => 128,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Fleet => "streams of /watch",
            Self::Log => "followed logs",
            Self::Rollout => "watched rollouts",
        }
    }
}

/// Most open streams of one kind, of all users together.
const IN_ALL: usize = 512;

/// A limit is reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotaExceeded {
    /// The limit of the user.
    #[error(
        "the user {user} has {} {} open, in all sessions together, which is the limit; close one of them, then try again",
        stream.per_user(), stream.words()
    )]
    OfUser {
        /// The user.
        user: String,
        /// The kind of stream.
        stream: Stream,
    },
    /// The limit of this aggregator.
    #[error("{IN_ALL} {} are open on this aggregator, which is its limit; try again later", .stream.words())]
    InAll {
        /// The kind of stream.
        stream: Stream,
    },
}

impl From<QuotaExceeded> for Problem {
    fn from(error: QuotaExceeded) -> Self {
        Self::new(ProblemCode::RateLimited, error.to_string())
    }
}

#[derive(Debug, Default)]
struct Open {
    of_users: HashMap<(Stream, String), usize>,
    in_all: HashMap<Stream, usize>,
}

/// The open streams, and the permits for more.
#[derive(Debug, Default)]
pub struct StreamQuota(Mutex<Open>);

/// The permit for one stream, until it is dropped.
#[derive(Debug)]
pub struct StreamPermit {
    quota: Arc<StreamQuota>,
    stream: Stream,
    user: String,
}

impl StreamQuota {
    /// A permit for one more stream of this user.
    ///
    /// # Errors
    /// [`QuotaExceeded`] when the limit of the user, or of all users together, is reached.
    pub fn acquire(
        self: &Arc<Self>,
        stream: Stream,
        user: &str,
    ) -> Result<StreamPermit, QuotaExceeded> {
        let user = user.to_owned();
        let mut open = self.open();
        let Open { of_users, in_all } = &mut *open;
        let of_user = of_users.get(&(stream, user.clone())).copied();
        if of_user.is_some_and(|open| open >= stream.per_user()) {
            return Err(QuotaExceeded::OfUser { user, stream });
        }
        let all = in_all.entry(stream).or_default();
        if *all >= IN_ALL {
            return Err(QuotaExceeded::InAll { stream });
        }
        *all += 1;
        *of_users.entry((stream, user.clone())).or_default() += 1;
        drop(open);
        let quota = Arc::clone(self);
        Ok(StreamPermit {
            quota,
            stream,
            user,
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock()
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut open = self.quota.open();
        let Open { of_users, in_all } = &mut *open;
        if let Some(all) = in_all.get_mut(&self.stream) {
            *all -= 1;
        }
        // A user's entry is removed with the last stream.
        let key = (self.stream, std::mem::take(&mut self.user));
        if let Some(of_user) = of_users.get_mut(&key) {
            *of_user -= 1;
            if *of_user == 0 {
                of_users.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAMS: [Stream; 3] = [Stream::Fleet, Stream::Log, Stream::Rollout];

    /// As many streams as a user gets, and why there are no more.
    fn exhaust(
        quota: &Arc<StreamQuota>,
        stream: Stream,
        user: &str,
    ) -> (Vec<StreamPermit>, QuotaExceeded) {
        let mut permits = Vec::new();
        loop {
            match quota.acquire(stream, user) {
                Ok(permit) => permits.push(permit),
                Err(error) => return (permits, error),
            }
        }
    }

    #[test]
    fn a_user_has_so_many_streams_and_leaves_others_theirs() {
        for (stream, most) in STREAMS.into_iter().zip([64, 128, 128]) {
            let quota = Arc::new(StreamQuota::default());
            let (mut permits, error) = exhaust(&quota, stream, "ana");
            let user = "ana".to_owned();
            assert_eq!(error, QuotaExceeded::OfUser { user, stream });
            assert_eq!(permits.len(), most);
            assert!(error.to_string().contains(&most.to_string()), "{error}");
            assert!(quota.acquire(stream, "bob").is_ok());
            permits.pop();
            assert!(quota.acquire(stream, "ana").is_ok());
        }
    }

    #[test]
    fn kinds_of_streams_are_counted_by_themselves() {
        let quota = Arc::new(StreamQuota::default());
        let open = STREAMS.map(|stream| exhaust(&quota, stream, "ana").0.len());
        assert_eq!(open, [64, 128, 128]);
        let (_fleet, _) = exhaust(&quota, Stream::Fleet, "ana");
        assert!(quota.acquire(Stream::Log, "ana").is_ok());
    }

    #[test]
    fn everybody_together_has_so_many_and_nothing_is_left_of_what_was_closed() {
        let quota = Arc::new(StreamQuota::default());
        let users = (0..9).map(|number| format!("user-{number}"));
        let all: Vec<_> = users
            .map(|user| exhaust(&quota, Stream::Fleet, &user))
            .collect();
        let open: usize = all.iter().map(|(permits, _)| permits.len()).sum();
        assert_eq!(open, 512);
        let stream = Stream::Fleet;
        assert_eq!(all[8].1, QuotaExceeded::InAll { stream });
        drop(all);
        assert!(quota.open().of_users.is_empty());
        assert_eq!(quota.open().in_all[&stream], 0);
    }
}
