//! The time by the bus's clock, the nats-server's, which dates ids and deadlines. The local clock may be an hour off: responses
//! that contain their time show by how much. Pure: time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A sample with a longer round trip than this is too imprecise and is discarded.
const CLOCK_ROUND_TRIP: Duration = Duration::from_secs(1);

/// The number of stored samples; the one with the smallest round trip is used.
const REMEMBERED: usize = 8;

/// The difference of two samples, beyond their round trips, above which one of the clocks must have been set: allows for drift
/// between two samples, and for differences between servers.
const DRIFT: SignedDuration = SignedDuration::from_millis(200);

/// The local clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock.
    pub steady: Instant,
}

impl Moment {
    /// This one.
    #[must_use]
    pub fn now() -> Self {
        Self {
            wall: Timestamp::now(),
            steady: Instant::now(),
        }
    }
}

/// The known offset of the bus's clock.
#[derive(Debug, Default)]
pub struct Clock {
    samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    round_trip: SignedDuration,
    /// What to add to the wall clock.
    offset: SignedDuration,
    /// The bus's clock, in the middle of the round trip.
    theirs: Timestamp,
    steady: Instant,
}

impl Clock {
    /// Adds a sample: sent at `sent`, received there at `theirs`, back here at `arrived`. One with a long round trip is discarded.
    pub fn observe(&mut self, sent: Moment, theirs: Timestamp, arrived: Moment) {
        let round_trip = arrived.steady.duration_since(sent.steady);
        if round_trip > CLOCK_ROUND_TRIP {
            return;
        }
        let middle = arrived.wall - round_trip / 2;
        let sample = Sample {
            round_trip: signed(round_trip),
            offset: theirs.duration_since(middle),
            theirs,
            steady: sent.steady + round_trip / 2,
        };
        self.samples.retain(|older| older.agrees_with(&sample));
        self.samples.truncate(REMEMBERED - 1);
        self.samples.push_front(sample);
    }

    /// How far the bus's clock is ahead of the wall clock; `None` before the first sample.
    #[must_use]
    pub fn offset(&self) -> Option<SignedDuration> {
        let best = self.samples.iter().min_by_key(|s| s.round_trip);
        best.map(|best| best.offset)
    }

    /// The bus's time. Computed by the wall clock and by the monotonic one, and the later of the two is used: after a wall clock
    /// was set back, or a machine slept while the monotonic clock stood still, an expired write must not seem to be in time.
    #[must_use]
    pub fn at(&self, moment: Moment) -> Timestamp {
        let Some(best) = self.samples.iter().min_by_key(|s| s.round_trip) else {
            return moment.wall;
        };
        let by_wall = add(moment.wall, best.offset);
        let by_steady = add(
            best.theirs,
            signed(moment.steady.duration_since(best.steady)),
        );
        by_wall.max(by_steady)
    }
}

impl Sample {
    fn agrees_with(&self, other: &Self) -> bool {
        let doubt = (self.round_trip + other.round_trip) / 2 + DRIFT;
        (self.offset - other.offset).abs() <= doubt
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn add(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn true_time() -> Timestamp {
        "2026-03-01T10:00:00Z".parse().expect("a time")
    }

    /// A machine whose wall clock is `off`, `after` so many milliseconds.
    fn moment(start: Instant, off: SignedDuration, after: u64) -> Moment {
        Moment {
            wall: true_time() + off + SignedDuration::from_millis(after.try_into().expect("small")),
            steady: start + Duration::from_millis(after),
        }
    }

    fn after(milliseconds: i64) -> Timestamp {
        true_time() + SignedDuration::from_millis(milliseconds)
    }

    #[test]
    fn an_hour_off_either_way_is_corrected() {
        let start = Instant::now();
        for off in [HOUR, -HOUR] {
            let mut clock = Clock::default();
            clock.observe(moment(start, off, 0), after(10), moment(start, off, 20));
            assert_eq!(clock.at(moment(start, off, 5000)), after(5000));
        }
    }

    #[test]
    fn without_an_answer_the_local_clock_holds() {
        let now = moment(Instant::now(), HOUR, 0);
        assert_eq!(Clock::default().at(now), now.wall);
    }

    #[test]
    fn the_smallest_round_trip_knows_best() {
        let (start, mut clock) = (Instant::now(), Clock::default());
        let at = |ms| moment(start, HOUR, ms);
        clock.observe(at(0), after(1), at(2));
        // The whole second was spent on the way back.
        clock.observe(at(5000), after(5000), at(5900));
        assert_eq!(clock.at(at(6000)), after(6000));
    }

    #[test]
    fn an_answer_that_took_too_long_is_not_used() {
        let (start, mut clock) = (Instant::now(), Clock::default());
        let at = |ms| moment(start, HOUR, ms);
        clock.observe(at(0), after(1), at(1001));
        assert_eq!(clock.at(at(2000)), at(2000).wall);
    }

    #[test]
    fn a_wall_clock_set_back_does_not_turn_the_time_back() {
        let (start, mut clock) = (Instant::now(), Clock::default());
        let zero = SignedDuration::ZERO;
        clock.observe(moment(start, zero, 0), after(1), moment(start, zero, 2));
        assert_eq!(clock.at(moment(start, -HOUR, 3000)), after(3000));
        // And the next sample outweighs the many before it.
        clock.observe(
            moment(start, -HOUR, 5000),
            after(5001),
            moment(start, -HOUR, 5002),
        );
        assert_eq!(clock.at(moment(start, -HOUR, 6000)), after(6000));
    }

    #[test]
    fn a_machine_that_slept_knows_that_it_is_late() {
        let (start, mut clock) = (Instant::now(), Clock::default());
        let zero = SignedDuration::ZERO;
        clock.observe(moment(start, zero, 0), after(1), moment(start, zero, 2));
        // The monotonic clock stood still for an hour.
        assert_eq!(clock.at(moment(start, HOUR, 10)), after(10) + HOUR);
    }
}
