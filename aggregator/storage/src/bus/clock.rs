//! The bus's clock, which is the nats-server's: ids, deadlines and the times of the audit use it on every replica, whatever their own clocks
//! show. Each heartbeat acknowledgement passes it on to the agents.

use std::sync::Arc;
use std::time::Duration;

use bus_keys::streams::AUDIT;
use bus_link::{Clock, Moment};
use bus_schema::timing::CLOCK_SKEW_SHOWN;
use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use serde::Deserialize;
use tokio::time::MissedTickBehavior;
use tracing::debug;

use super::Bus;
use diagnostics::Metrics;
use diagnostics::{AggregatorConditionType, Conditions};

/// How often the clocks are compared.
const INTERVAL: Duration = Duration::from_secs(10);

/// Time-out for reading the nats-server's time.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// The bus's clock, or this machine's until it is known. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct BusClock(Arc<Mutex<Clock>>);

/// The field of JetStream's stream info with the nats-server's time.
#[derive(Deserialize)]
struct StreamInfo {
    ts: Timestamp,
}

impl BusClock {
    /// The time on the bus.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock().at(Moment::now())
    }

    /// How far the bus's clock is ahead of this machine's; `None` while that is not known.
    #[must_use]
    pub fn offset(&self) -> Option<SignedDuration> {
        self.clock().offset()
    }

    /// Reads the nats-server's time.
    pub async fn compare(&self, bus: &Bus) {
        let subject = format!("$JS.API.STREAM.INFO.{}", AUDIT.name);
        let sent = Moment::now();
        let answer = bus.client().request(subject, "".into());
        let Ok(Ok(answer)) = tokio::time::timeout(ANSWER_WITHIN, answer).await else {
            debug!("cannot read the nats-server's time");
            return;
        };
        let arrived = Moment::now();
        match serde_json::from_slice::<StreamInfo>(&answer.payload) {
            Ok(info) => self.clock().observe(sent, info.ts, arrived),
            Err(error) => debug!(%error, "cannot read the nats-server's time"),
        }
    }

    /// Compares the clocks for as long as the program runs, and raises a condition when this machine's is far off.
    pub async fn follow(self, bus: Bus, conditions: Conditions, metrics: Metrics) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if bus.is_up() {
                self.compare(&bus).await;
            }
            if let Some(offset) = self.offset() {
                metrics.set_clock_offset(offset);
                judge(offset, &conditions);
            }
        }
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.0.lock()
    }
}

fn judge(offset: SignedDuration, conditions: &Conditions) {
    let kind = AggregatorConditionType::ClockSkewed;
    let allowed = SignedDuration::try_from(CLOCK_SKEW_SHOWN).unwrap_or(SignedDuration::MAX);
    if offset.abs() <= allowed {
        return conditions.clear(kind);
    }
    let direction = if offset.is_positive() {
        "behind"
    } else {
        "ahead of"
    };
    let message = format!(
        "the clock of this machine is {:.1} s {direction} that of the nats-server, which deadlines and the audit go by; \
         set both clocks by the same time server (NTP)",
        offset.abs().as_secs_f64()
    );
    conditions.raise(kind, message);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_with_wrong_clocks_agree_on_the_time_and_say_that_theirs_is_wrong() {
        let now = Moment::now();
        for off in [-15, 15, 0] {
            let (clock, conditions) = (BusClock::default(), Conditions::default());
            // The server's clock shows what this machine's would if it were not `off`.
            let theirs = now.wall - SignedDuration::from_secs(off);
            clock.clock().observe(now, theirs, now);
            let difference = clock.now().duration_since(theirs);
            assert!(difference.as_secs() < 5, "{difference:?}");
            judge(clock.offset().unwrap(), &conditions);
            let raised = conditions.list();
            let direction = if off > 0 {
                "15.0 s ahead of"
            } else {
                "15.0 s behind"
            };
            match off {
                0 => assert!(raised.is_empty(), "{raised:?}"),
                _ => assert!(raised[0].message.contains(direction), "{raised:?}"),
            }
            judge(SignedDuration::ZERO, &conditions);
            assert!(conditions.list().is_empty());
        }
    }
}
