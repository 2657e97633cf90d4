//! When the notifications of a webhook are to be sent again. A value: time is an argument.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use runs::RunId;

use crate::outbox::Pending;

/// The pause after the first failed try; doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The failed tries of one webhook.
#[derive(Debug)]
pub struct Backoff {
    /// By run: only its oldest pending notification is tried.
    failed: HashMap<RunId, Tries>,
    /// Nothing is sent before.
    not_before: Instant,
}

#[derive(Debug)]
struct Tries {
    number: u64,
    count: u32,
    next: Instant,
}

impl Backoff {
    /// Nothing has failed.
    pub fn new(now: Instant) -> Self {
        Self {
            failed: HashMap::new(),
            not_before: now,
        }
    }

    /// When a notification is to be sent.
    pub fn due(&self, pending: &Pending) -> Instant {
        let tries = self.failed.get(&pending.run.id);
        let tries = tries.filter(|tries| tries.number == pending.transition.number);
        tries.map_or(self.not_before, |tries| tries.next.max(self.not_before))
    }

    /// Nothing is sent for this long.
    pub fn pause(&mut self, pause: Duration, now: Instant) {
        self.not_before = self.not_before.max(now + pause);
    }

    /// A try has failed; returns how many have.
    pub fn fail(&mut self, pending: &Pending, now: Instant) -> u32 {
        let number = pending.transition.number;
        let last = self.failed.get(&pending.run.id);
        let last = last.filter(|tries| tries.number == number);
        let count = last.map_or(0, |tries| tries.count).saturating_add(1);
        let next = now + pause_after(count);
        let tries = Tries {
            number,
            count,
            next,
        };
        self.failed.insert(pending.run.id.clone(), tries);
        count
    }

    /// Forgets the failed tries of a run.
    pub fn forget(&mut self, run: &RunId) {
        self.failed.remove(run);
    }

    /// Forgets all failed tries.
    pub fn clear(&mut self) {
        self.failed.clear();
    }
}

/// The pause after this many failed tries.
fn pause_after(tries: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use runs::RunState;

    use super::*;
    use crate::outbox::tests::{run, transition};

    fn pending(number: u64) -> Pending {
        Pending {
            run: Arc::new(run()),
            transition: transition(number, RunState::Failed, 30),
        }
    }

    #[test]
    fn the_pauses_grow_to_some_minutes() {
        let pauses = [1, 2, 3, 9, 10, 1000].map(|tries| pause_after(tries).as_secs());
        assert_eq!(pauses, [1, 2, 4, 256, 300, 300]);
    }

    #[test]
    fn a_failed_try_delays_its_notification_and_no_later_one_of_the_run() {
        let now = Instant::now();
        let mut backoff = Backoff::new(now);
        assert_eq!(backoff.due(&pending(1)), now);
        assert_eq!(backoff.fail(&pending(1), now), 1);
        assert_eq!(backoff.fail(&pending(1), now), 2);
        assert_eq!(backoff.due(&pending(1)), now + 2 * FIRST_PAUSE);
        assert_eq!(backoff.due(&pending(2)), now, "it is another one");
        backoff.forget(&run().id);
        assert_eq!(backoff.due(&pending(1)), now);
    }

    #[test]
    fn a_pause_that_the_receiver_asks_for_is_for_all_of_its_notifications() {
        let now = Instant::now();
        let mut backoff = Backoff::new(now);
        let long = Duration::from_secs(60);
        backoff.pause(long, now);
        backoff.pause(FIRST_PAUSE, now);
        backoff.fail(&pending(1), now);
        for number in [1, 2] {
            assert_eq!(backoff.due(&pending(number)), now + long);
        }
    }
}
