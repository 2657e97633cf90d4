//! A limit on an amount per window of time.

use std::time::{Duration, Instant};

/// An amount per window of time.
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

/// The result of charging an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// It was within the limit.
    Fits,
    /// It is the first in this window that was over the limit.
    Overflows,
    /// It came after that one.
    Full,
}

impl Window {
    /// Charges an amount; returns whether it is within the limit. Once the limit is exceeded, everything until the next window is refused: a
    /// sender of too much is cut off in one piece.
    pub fn take(&mut self, amount: usize, limit: Limit, now: Instant) -> bool {
        self.charge(amount, limit, now) == Take::Fits
    }

    /// The same, and whether it is the first refusal.
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

    /// The amount charged since the window began, including refused amounts.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Whether the window has ended.
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
