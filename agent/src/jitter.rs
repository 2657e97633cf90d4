//! Jitter, so that many agents do not do the same thing at the same moment.

use std::time::Duration;

/// A random duration up to `bound`, uniformly distributed.
pub fn up_to(bound: Duration) -> Duration {
    bound.mul_f64(rand::random_range(0.0..=1.0))
}

/// `duration` with a jitter of one tenth.
pub fn around(duration: Duration) -> Duration {
    duration.mul_f64(rand::random_range(0.9..=1.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_are_spread_by_a_tenth() {
        for _ in 0..1000 {
            let spread = around(Duration::from_secs(10));
            assert!(spread >= Duration::from_secs(9), "{spread:?}");
            assert!(spread <= Duration::from_secs(11), "{spread:?}");
        }
    }
}
