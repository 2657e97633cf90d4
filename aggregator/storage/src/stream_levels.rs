//! How full each stream and bucket is: for `GET /metrics`, and a condition long before writes are refused.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::DiscardPolicy;
use bus_keys::streams::{BUCKETS, STREAMS};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::debug;

use diagnostics::Metrics;
use diagnostics::{AggregatorConditionType, Conditions};

const LOOK_EVERY: Duration = Duration::from_secs(30);

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// In per cent.
const NEARLY_FULL: u64 = 80;

/// How full a stream is.
#[derive(Debug, Clone)]
struct StreamLevel {
    stream: String,
    bytes: u64,
    /// 0 if there is no limit.
    max_bytes: u64,
    /// Whether it drops its oldest messages when it is full.
    drops_oldest: bool,
}

impl StreamLevel {
    fn is_nearly_full(&self) -> bool {
        let limit = u128::from(self.max_bytes) * u128::from(NEARLY_FULL);
        !self.drops_oldest && self.max_bytes > 0 && u128::from(self.bytes) * 100 >= limit
    }
}

/// Updates the metrics and the condition periodically, forever.
pub async fn watch_stream_levels(jetstream: Context, metrics: Metrics, conditions: Conditions) {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let Some(levels) = levels(&jetstream).await else {
            // The last known levels stay.
            continue;
        };
        for level in &levels {
            metrics.set_stream_level(&level.stream, level.bytes, level.max_bytes);
        }
        let kind = AggregatorConditionType::StoreNearlyFull;
        match message(&levels) {
            Some(message) => conditions.raise(kind, message),
            None => conditions.clear(kind),
        }
    }
}

/// The levels of all streams; `None` when the bus does not answer.
async fn levels(jetstream: &Context) -> Option<Vec<StreamLevel>> {
    let mut levels = Vec::new();
    let streams = STREAMS.into_iter().map(|stream| stream.name.to_owned());
    let buckets = BUCKETS.into_iter().map(|bucket| bucket.stream());
    for name in streams.chain(buckets) {
        // Boxed, as in `storage`: the future is large.
        let stream = Box::pin(timeout(ANSWER_WITHIN, jetstream.get_stream(&name))).await;
        let stream = match stream.ok()? {
            Ok(stream) => stream,
            // Not every installation has all of them.
            Err(error) => {
                debug!(name, %error, "cannot read how full a stream is");
                continue;
            }
        };
        let info = stream.cached_info();
        levels.push(StreamLevel {
            stream: name,
            bytes: info.state.bytes,
            max_bytes: u64::try_from(info.config.max_bytes).unwrap_or(0),
            drops_oldest: info.config.discard == DiscardPolicy::Old,
        });
    }
    Some(levels)
}

fn message(levels: &[StreamLevel]) -> Option<String> {
    let full: Vec<String> = levels
        .iter()
        .filter(|level| level.is_nearly_full())
        .map(|level| {
            format!(
                "{} has {} of the {} bytes that it may have",
                level.stream, level.bytes, level.max_bytes
            )
        })
        .collect();
    if full.is_empty() {
        return None;
    }
    Some(format!(
        "{}: requests that write to a full stream are refused; when the audit is full, changes and sign-ins are refused. \
         Export and purge old lines of the audit with `aggregator audit export --purge`; for another stream, raise max_file_store in \
         nats-server.conf, then the stream's max_bytes",
        full.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(bytes: u64, max_bytes: u64) -> StreamLevel {
        StreamLevel {
            stream: "AUDIT".to_owned(),
            bytes,
            max_bytes,
            drops_oldest: false,
        }
    }

    #[test]
    fn from_four_fifths_on_a_stream_is_nearly_full() {
        assert_eq!(message(&[level(799, 1000), level(1, 0)]), None);
        let message = message(&[level(800, 1000)]).expect("a message");
        assert!(
            message.starts_with("AUDIT has 800 of the 1000 bytes"),
            "{message}"
        );
    }

    #[test]
    fn a_stream_that_drops_its_oldest_messages_is_never_full() {
        let level = StreamLevel {
            drops_oldest: true,
            ..level(1000, 1000)
        };
        assert_eq!(message(&[level]), None);
    }
}
