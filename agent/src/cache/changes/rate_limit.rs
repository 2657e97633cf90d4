//! Rate limit of changes by deployment: the first change passes immediately, later ones at most twice a second. Bounded: each key is
//! queued once, however often it changes. A value: time is an argument.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// The interval between two published changes of one deployment.
const APART: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub struct RateLimit {
    states: HashMap<Arc<str>, State>,
    /// Keys that may be published, in the order in which they changed.
    ready: VecDeque<Arc<str>>,
    /// Keys that were published recently, in that order, and until when they are held back.
    resting: VecDeque<(Instant, Arc<str>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Resting,
    /// And it has changed since.
    Waiting,
}

impl RateLimit {
    /// Notes that the deployment of this key has changed.
    pub fn note(&mut self, key: Box<str>) {
        if let Some(state) = self.states.get_mut(&*key) {
            if *state == State::Resting {
                *state = State::Waiting;
            }
            return;
        }
        let key: Arc<str> = key.into();
        self.states.insert(key.clone(), State::Ready);
        self.ready.push_back(key);
    }

    /// Takes at most `most` keys that may be published now.
    pub fn take(&mut self, most: usize, now: Instant) -> Vec<Box<str>> {
        self.wake(now);
        let count = most.min(self.ready.len());
        let taken: Vec<Arc<str>> = self.ready.drain(..count).collect();
        for key in &taken {
            self.states.insert(key.clone(), State::Resting);
            self.resting.push_back((now + APART, key.clone()));
        }
        taken.iter().map(|key| (**key).into()).collect()
    }

    /// When the next key is due, if nothing is noted until then.
    pub fn due(&self) -> Option<Instant> {
        self.resting.front().map(|(until, _)| *until)
    }

    fn wake(&mut self, now: Instant) {
        while let Some((_, key)) = self.resting.pop_front_if(|(until, _)| *until <= now) {
            if self.states.get(&key) == Some(&State::Waiting) {
                self.states.insert(key.clone(), State::Ready);
                self.ready.push_back(key);
            } else {
                self.states.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_keys_are_dropped() {
        let (mut limit, start) = (RateLimit::default(), Instant::now());
        for number in 0..1000 {
            limit.note(format!("{}", number % 10).into());
        }
        assert_eq!(limit.take(100, start).len(), 10);
        for number in 0..1000 {
            limit.note(format!("{}", number % 10).into());
        }
        assert!(limit.take(100, start).is_empty());
        assert_eq!(limit.resting.len() + limit.ready.len(), 10);
        assert_eq!(limit.take(100, start + APART).len(), 10);
        assert!(limit.take(100, start + 2 * APART).is_empty());
        assert!(limit.states.is_empty() && limit.due().is_none());
    }
}
