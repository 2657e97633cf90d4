//! How much of something may be in a while, counted in windows of time.

use std::time::{Duration, Instant};

/// So much in a while.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub most: usize,
    pub within: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Window {
    began: Option<Instant>,
    used: usize,
}

impl Window {
    /// Whether there is room for so much more. Once there was not, there is none until the next window: who sends too much is left
    /// out in one piece.
    pub fn take(&mut self, amount: usize, limit: Limit, now: Instant) -> bool {
        let over = |at: Instant| now.saturating_duration_since(at) >= limit.within;
        if self.began.is_none_or(over) {
            (self.began, self.used) = (Some(now), 0);
        }
        let used = self.used.saturating_add(amount);
        self.used = used;
        used <= limit.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_full_stays_shut_until_the_next_one() {
        let limit = Limit {
            most: 10,
            within: Duration::from_secs(5),
        };
        let (mut window, start) = (Window::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(window.take(6, limit, at(0)) && window.take(4, limit, at(1)));
        assert!(!window.take(1, limit, at(2)) && !window.take(0, limit, at(4)));
        assert!(window.take(10, limit, at(5)));
        assert!(!window.take(usize::MAX, limit, at(6)) && !window.take(1, limit, at(7)));
    }
}
