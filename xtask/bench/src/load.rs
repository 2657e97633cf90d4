//! The load generator and its latency histogram.

use std::time::Duration;

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use tokio::time::{Instant, sleep_until};

const LONGEST: u64 = 120_000_000_000;

/// The latencies of calls.
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1_000, LONGEST, 3);
        Self(histogram.expect("the bounds are in order"))
    }
}

impl Latencies {
    pub fn add(&mut self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(LONGEST);
        self.0.saturating_record(nanoseconds);
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency at this quantile, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "it has three digits")]
    pub fn quantile(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e6
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }
}

/// Calls at a fixed rate, an open loop: a call is due whether or not earlier calls have returned. The latency of a call that becomes
/// due while the caller waits counts from its due time, so that a slow response also shows in the calls that it delayed (no coordinated
/// omission). A call that is late only because of this program's own timer (by a millisecond) counts from when it was made.
pub async fn at_rate(
    a_second: f64,
    length: Duration,
    mut call: impl AsyncFnMut() -> Result<()>,
) -> Result<Latencies> {
    let (begin, every) = (Instant::now(), Duration::from_secs_f64(1.0 / a_second));
    let (mut due, mut free) = (begin, begin);
    let mut latencies = Latencies::default();
    while due < begin + length {
        sleep_until(due).await;
        let start = if free > due { due } else { Instant::now() };
        call().await?;
        free = Instant::now();
        latencies.add(free - start);
        due += every;
    }
    ensure!(latencies.count() > 0, "nothing was called");
    Ok(latencies)
}

/// A closed loop: one call after the other, as fast as they return.
pub async fn without_pause(
    length: Duration,
    mut call: impl AsyncFnMut() -> Result<()>,
) -> Result<Latencies> {
    let begin = Instant::now();
    let mut latencies = Latencies::default();
    let mut start = begin;
    while start < begin + length {
        call().await?;
        let end = Instant::now();
        latencies.add(end - start);
        start = end;
    }
    Ok(latencies)
}

/// The rate of an open loop in calls per second: at most `wanted`, and at most half the rate of a closed loop. A loop that calls faster
/// than responses arrive would only measure its own queue.
#[expect(clippy::cast_precision_loss, reason = "there are not that many calls")]
pub async fn bearable(
    wanted: f64,
    length: Duration,
    call: impl AsyncFnMut() -> Result<()>,
) -> Result<f64> {
    let begin = Instant::now();
    let calls = without_pause(length, call).await?.count();
    Ok(wanted.min(calls as f64 / begin.elapsed().as_secs_f64() / 2.0))
}

/// The median; of an even number of values, the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    /// Calls take 1 ms, except for one that takes 500 ms.
    async fn hiccup(calls: &mut u32) -> Result<()> {
        *calls += 1;
        sleep(Duration::from_millis(if *calls == 10 { 500 } else { 1 })).await;
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_slow_answer_holds_up_is_counted_from_when_it_was_due() {
        let mut calls = 0;
        let open = at_rate(100.0, Duration::from_secs(1), async || {
            hiccup(&mut calls).await
        });
        let open = open.await.unwrap();
        assert_eq!(open.count(), 100);
        assert!(open.quantile(0.8) > 200.0, "{}", open.quantile(0.8));
        let mut calls = 0;
        let closed = without_pause(Duration::from_secs(1), async || hiccup(&mut calls).await);
        assert!(closed.await.unwrap().quantile(0.8) < 2.0);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_called_more_than_half_as_often_as_it_can_be() {
        let length = Duration::from_secs(1);
        let slow = async || {
            sleep(Duration::from_millis(500)).await;
            Ok(())
        };
        assert!((bearable(4.0, length, slow).await.unwrap() - 1.0).abs() < 1e-3);
        assert!((bearable(0.5, length, slow).await.unwrap() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(vec![]).is_nan());
    }
}
