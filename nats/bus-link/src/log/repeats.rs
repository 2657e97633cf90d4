//! Bounds the warnings of one kind: a burst of requests or messages would write a line for each of them, thousands in a second, and hide
//! the rest. A kind is one place in the source.

use std::collections::HashMap;
use std::fmt::{Debug, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Most lines of a kind.
const MOST: u32 = 20;

/// The time for which they are counted.
const WITHIN: Duration = Duration::from_mins(1);

/// How often to look whether there is something to sum up.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Leaves out warnings and errors of a kind that has been written often. Clones share the counts.
#[derive(Debug, Clone, Default)]
pub(super) struct RepeatLimit {
    kinds: Arc<Mutex<HashMap<Identifier, Kind>>>,
}

#[derive(Debug)]
struct Kind {
    began: Instant,
    written: u32,
    left_out: u64,
    /// Of the first line that was left out.
    message: String,
}

impl Kind {
    fn beginning(now: Instant) -> Self {
        Self {
            began: now,
            written: 0,
            left_out: 0,
            message: String::new(),
        }
    }
}

impl RepeatLimit {
    /// Sums up what was left out, as long as the process lives.
    pub(super) fn sum_up(&self) {
        let limit = self.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(LOOK_EVERY);
                for (left_out, message) in limit.due(Instant::now()) {
                    let seconds = WITHIN.as_secs();
                    warn!(
                        left_out,
                        seconds, "lines like this were left out: {message}"
                    );
                }
            }
        });
    }

    fn admits(&self, kind: Identifier, now: Instant, message: impl FnOnce() -> String) -> bool {
        let mut kinds = self.kinds.lock();
        let kind = kinds.entry(kind).or_insert_with(|| Kind::beginning(now));
        if kind.left_out == 0 && now.saturating_duration_since(kind.began) >= WITHIN {
            *kind = Kind::beginning(now);
        }
        if kind.written < MOST {
            kind.written += 1;
            return true;
        }
        if kind.left_out == 0 {
            kind.message = message();
        }
        kind.left_out += 1;
        false
    }

    /// The kinds whose time is over, with the number of lines that were left out and the message of one.
    fn due(&self, now: Instant) -> Vec<(u64, String)> {
        let mut kinds = self.kinds.lock();
        let is_due =
            |kind: &Kind| kind.left_out > 0 && now.saturating_duration_since(kind.began) >= WITHIN;
        let due = kinds.values_mut().filter(|kind| is_due(kind));
        let due = due.map(|kind| std::mem::replace(kind, Kind::beginning(now)));
        due.map(|kind| (kind.left_out, kind.message)).collect()
    }
}

impl<S: Subscriber> Layer<S> for RepeatLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        *metadata.level() > Level::WARN
            || metadata.target() == module_path!()
            || self.admits(metadata.callsite(), Instant::now(), || message(event))
    }
}

fn message(event: &Event<'_>) -> String {
    #[derive(Default)]
    struct Message(String);
    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            if field.name() == "message" {
                write!(self.0, "{value:?}").expect("a string takes all");
            }
        }
    }
    let mut message = Message::default();
    event.record(&mut message);
    message.0
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing::info;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// The lines that come through.
    #[derive(Clone, Default)]
    struct Lines(Arc<AtomicUsize>);

    impl<S: Subscriber> Layer<S> for Lines {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_burst_of_one_kind_is_left_out_with_its_count_and_hides_no_other() {
        let (limit, lines) = (RepeatLimit::default(), Lines::default());
        let log = tracing_subscriber::registry();
        let log = log.with(lines.clone()).with(limit.clone());
        let written = || lines.0.swap(0, Ordering::Relaxed);
        let burst = || {
            for request in 0..5_603 {
                warn!(request, "a request was refused");
            }
        };
        tracing::subscriber::with_default(log, || {
            burst();
            assert_eq!(written(), MOST as usize);
            warn!("another kind");
            assert_eq!(written(), 1);
            (0..100).for_each(|request| info!(request, "answered"));
            assert_eq!(written(), 100, "only warnings and errors are limited");
        });
        let now = Instant::now();
        assert_eq!(limit.due(now), []);
        let expected = (5_603 - u64::from(MOST), "a request was refused".to_owned());
        assert_eq!(limit.due(now + WITHIN), [expected]);
        assert_eq!(limit.due(now + 2 * WITHIN), []);
    }

    #[test]
    fn a_kind_that_is_rare_is_never_left_out() {
        let limit = RepeatLimit::default();
        let kind = tracing::callsite::Identifier(&CALLSITE);
        let start = Instant::now();
        for minute in 0..100 {
            assert!(limit.admits(kind.clone(), start + WITHIN * minute, String::new));
        }
    }

    struct Callsite;

    static CALLSITE: Callsite = Callsite;

    impl tracing::callsite::Callsite for Callsite {
        fn set_interest(&self, _: tracing::subscriber::Interest) {}

        fn metadata(&self) -> &tracing::Metadata<'_> {
            unreachable!("only its address is used")
        }
    }
}
