//! Backoff between attempts to reconnect, with full jitter: all clients lose the bus at the same moment.

use std::time::Duration;

/// The longest pause between two attempts at the bus.
const LONGEST: Duration = Duration::from_secs(30);
const SHORTEST: Duration = Duration::from_millis(100);

/// How long to wait before the attempt of this number at the bus, counted from 1: none before the first, then full
/// jitter under a bound that doubles to 30 s, and begins at `spread`: if the first one fails, others will have lost the bus as well.
pub(crate) fn before_attempt(number: usize, spread: Duration) -> Duration {
    let Some(doublings) = number.checked_sub(2) else {
        return Duration::ZERO;
    };
    let bound = SHORTEST.saturating_mul(1 << doublings.min(16));
    let bound = bound.max(spread).min(LONGEST);
    bound.mul_f64(rand::random_range(0.0..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempt_is_made_at_once() {
        assert_eq!(before_attempt(1, LONGEST), Duration::ZERO);
    }

    #[test]
    fn a_thousand_agents_spread_over_the_whole_half_minute() {
        let mut delays: Vec<_> = (0..1000)
            .map(|_| before_attempt(40, Duration::ZERO))
            .collect();
        delays.sort();
        assert!(delays[999] <= LONGEST);
        assert!(delays[100] < Duration::from_secs(6));
        assert!(delays[900] > Duration::from_secs(24));
    }

    #[test]
    fn the_agents_of_a_large_fleet_spread_from_the_second_attempt_on() {
        let spread = Duration::from_secs(20);
        let delays: Vec<_> = (0..1000).map(|_| before_attempt(2, spread)).collect();
        assert!(delays.iter().all(|delay| *delay <= spread));
        let late = delays.iter().filter(|delay| **delay > spread / 2).count();
        assert!((300..700).contains(&late), "{late}");
        assert!((0..1000).all(|_| before_attempt(2, Duration::ZERO) <= SHORTEST));
    }
}
