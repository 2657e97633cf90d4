//! The simulation's time. Tests advance a manual clock; the demo uses the wall clock. A fast clock still uses the wall clock's
//! timestamps (ages stay correct) and shortens the delays of controllers and nodes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

#[derive(Clone, Debug)]
pub struct Clock {
    source: Arc<Source>,
}

#[derive(Debug)]
enum Source {
    Wall {
        started: Instant,
        started_at: Timestamp,
        speed: f64,
    },
    Manual(watch::Sender<Timestamp>),
}

impl Clock {
    /// The wall clock; rollouts last seconds, as in a real cluster with small images.
    pub fn real() -> Self {
        Self::fast(1.0)
    }

    /// The wall clock, with all delays of controllers and nodes `speed` times shorter.
    pub fn fast(speed: f64) -> Self {
        assert!(speed > 0.0, "a clock's speed is positive, not {speed}");
        Self::from(Source::Wall {
            started: Instant::now(),
            started_at: Timestamp::now(),
            speed,
        })
    }

    /// Fixed at 2026-01-01T00:00:00Z until it is advanced.
    pub fn manual() -> Self {
        let start = Timestamp::constant(1_767_225_600, 0);
        Self::from(Source::Manual(watch::Sender::new(start)))
    }

    pub fn is_manual(&self) -> bool {
        matches!(*self.source, Source::Manual(_))
    }

    pub fn now(&self) -> Timestamp {
        match &*self.source {
            Source::Wall {
                started,
                started_at,
                ..
            } => *started_at + started.elapsed(),
            Source::Manual(now) => *now.borrow(),
        }
    }

    /// The simulated length of a `duration` in a real cluster.
    pub fn scale(&self, duration: Duration) -> Duration {
        match *self.source {
            Source::Wall { speed, .. } => duration.div_f64(speed),
            Source::Manual(_) => duration,
        }
    }

    pub async fn sleep_until(&self, when: Timestamp) {
        match &*self.source {
            Source::Wall { .. } => {
                let left = when.duration_since(self.now());
                tokio::time::sleep(left.try_into().unwrap_or(Duration::ZERO)).await;
            }
            Source::Manual(now) => {
                let mut now = now.subscribe();
                // `self` owns the sender, so the channel cannot close while this waits.
                let _ = now.wait_for(|now| *now >= when).await;
            }
        }
    }

    /// Advances a manual clock. Only the simulation calls this, stepping its controllers on the way.
    pub(crate) fn set(&self, to: Timestamp) {
        match &*self.source {
            Source::Wall { .. } => panic!("only a manual clock can be advanced"),
            Source::Manual(now) => now.send_modify(|now| *now = to.max(*now)),
        }
    }
}

impl From<Source> for Clock {
    fn from(source: Source) -> Self {
        Self {
            source: Arc::new(source),
        }
    }
}
