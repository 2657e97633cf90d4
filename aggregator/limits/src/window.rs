//! How much of something may be in a while, counted in windows of time.

use std::time::{Duration, Instant};

/// So much in a while.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub most: usize,
    pub within: Duration,
}

#[derive(Debug, Default)]
pub struct Window {
    began: Option<Instant>,
    used: usize,
}

/// What became of an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// There was room for it.
    Fits,
    /// It is the first one of this window for which there was none.
    Overflows,
    /// It comes behind that.
    Full,
}

impl Window {
    /// Whether there is room for so much more. Once there was not, there is none until the next window: who sends too much is left
    /// out in one piece.
    pub fn take(&mut self, amount: usize, limit: Limit, now: Instant) -> bool {
        self.charge(amount, limit, now) == Take::Fits
    }

    /// The same, and whether it was refused for the first time.
    pub fn charge(&mut self, amount: usize, limit: Limit, now: Instant) -> Take {
        if self.is_over(limit.within, now) {
            (self.began, self.used) = (Some(now), 0);
        }
        let before = self.used;
        self.used = before.saturating_add(amount);
        match (before <= limit.most, self.used <= limit.most) {
            (_, true) => Take::Fits,
            (true, false) => Take::Overflows,
            (false, false) => Take::Full,
        }
    }

    /// How much was charged since it began, refused or not.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Whether nothing of it counts any more.
    pub fn is_over(&self, within: Duration, now: Instant) -> bool {
        self.began
            .is_none_or(|began| now.saturating_duration_since(began) >= within)
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
