//! How many streams are open: of one session, of one user in all sessions, and of everybody. A user may sign in as often as it likes;
//! without a limit of its own it would take the places of all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SessionKey;
use crate::problem::{Problem, ProblemCode};

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

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Holder {
    Session(SessionKey),
    User(String),
    Everybody,
}

impl Stream {
    /// How many may be open at a time.
    fn most(self, holder: &Holder) -> usize {
        match (holder, self) {
            // A browser has some tabs.
            (Holder::Session(_), Self::Fleet) => 8,
            (Holder::Session(_), Self::Log | Self::Rollout) => 32,
            (Holder::User(_), Self::Fleet) => 64,
            (Holder::User(_), Self::Log | Self::Rollout) => 128,
            (Holder::Everybody, _) => 512,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Fleet => "streams of /watch",
            Self::Log => "followed logs",
            Self::Rollout => "watched rollouts",
        }
    }
}

/// The streams that are open. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Mutex<HashMap<(Stream, Holder), usize>>>);

/// The right to one stream, for as long as this lives.
#[derive(Debug)]
pub struct StreamPermit {
    streams: Streams,
    stream: Stream,
    holders: [Holder; 3],
}

impl Streams {
    /// One more of this session of this user.
    ///
    /// # Errors
    /// [`ProblemCode::RateLimited`] when the session, the user, or everybody together has as many as they may.
    pub fn open(
        &self,
        stream: Stream,
        session: SessionKey,
        user: &str,
    ) -> Result<StreamPermit, Problem> {
        let user = Holder::User(user.to_owned());
        let holders = [Holder::Session(session), user, Holder::Everybody];
        let mut open = self.counts();
        for holder in &holders {
            let most = stream.most(holder);
            let key = (stream, holder.clone());
            if open.get(&key).is_some_and(|open| *open >= most) {
                return Err(refused(stream, holder, most));
            }
        }
        for holder in &holders {
            *open.entry((stream, holder.clone())).or_default() += 1;
        }
        Ok(StreamPermit {
            streams: self.clone(),
            stream,
            holders,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<(Stream, Holder), usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut open = self.streams.counts();
        for holder in &self.holders {
            let key = (self.stream, holder.clone());
            if let Some(count) = open.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&key);
                }
            }
        }
    }
}

fn refused(stream: Stream, holder: &Holder, most: usize) -> Problem {
    let words = stream.words();
    let detail = match holder {
        Holder::Session(_) => format!("this session has {most} {words} open; close one of them"),
        Holder::User(user) => {
            format!("the user {user} has {most} {words} open in all sessions; close one of them")
        }
        Holder::Everybody => format!("{most} {words} are open on this aggregator; try again later"),
    };
    Problem::new(ProblemCode::RateLimited, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: usize) -> SessionKey {
        SessionKey::from(number.to_string())
    }

    /// Opens streams, each session of a user as many as it may, until one is refused; those, and why it is.
    fn exhaust(streams: &Streams, stream: Stream, user: &str) -> (Vec<StreamPermit>, Problem) {
        let mut permits = Vec::new();
        for number in 0.. {
            match streams.open(
                stream,
                SessionKey::from(format!("{user}-{}", number / 8)),
                user,
            ) {
                Ok(permit) => permits.push(permit),
                Err(problem) => return (permits, problem),
            }
        }
        unreachable!("it is refused")
    }

    #[test]
    fn a_user_has_so_many_streams_in_all_sessions_and_leaves_others_theirs() {
        for (stream, most) in [
            (Stream::Fleet, 64),
            (Stream::Log, 128),
            (Stream::Rollout, 128),
        ] {
            let streams = Streams::default();
            let (mut permits, problem) = exhaust(&streams, stream, "ana");
            assert_eq!(
                (permits.len(), problem.code),
                (most, ProblemCode::RateLimited)
            );
            assert!(problem.detail.contains("ana"), "{problem}");
            let other = streams.open(stream, session(1_000), "bob");
            assert!(other.is_ok());
            permits.pop();
            assert!(streams.open(stream, session(1_001), "ana").is_ok());
        }
    }

    #[test]
    fn a_session_and_everybody_have_so_many_too_and_nothing_is_left_of_what_was_closed() {
        let streams = Streams::default();
        let mut one = Vec::new();
        while let Ok(permit) = streams.open(Stream::Fleet, session(0), "ana") {
            one.push(permit);
        }
        assert_eq!(one.len(), 8);
        // Another kind is counted by itself.
        assert!(streams.open(Stream::Log, session(0), "ana").is_ok());
        drop(one);
        let users = (0..9).map(|number| format!("user-{number}"));
        let all: Vec<_> = users
            .map(|user| exhaust(&streams, Stream::Fleet, &user))
            .collect();
        let open: usize = all.iter().map(|(permits, _)| permits.len()).sum();
        assert_eq!(open, 512);
        assert!(all[8].1.detail.contains("this aggregator"), "{}", all[8].1);
        drop(all);
        assert!(streams.counts().is_empty());
    }
}
