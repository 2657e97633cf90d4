//! Buffers the lines of one followed log between its containers and its reader. If the reader is slower than the containers, the oldest
//! lines are dropped and counted: a reader wants the newest.

use std::collections::{BTreeMap, VecDeque};

use bus_schema::{LogContainer, LogLine};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::merge::bytes;
use super::source::LogSource;

/// The capacity of a buffer, in bytes.
const CAPACITY: usize = 256 * 1024;

/// Containers that are reported in one chunk: even with the longest names and problems, escaped, they fit easily.
const CONTAINERS: usize = 16;

/// A bounded buffer.
#[derive(Default)]
pub struct Buffer {
    held: Mutex<Held>,
    filled: Notify,
}

#[derive(Default)]
struct Held {
    lines: VecDeque<LogLine>,
    bytes: usize,
    dropped: u64,
    /// Containers that have changed and have not been reported yet.
    changed: BTreeMap<LogSource, LogContainer>,
    not_followed: u32,
    /// Whether the number above has changed since the last chunk.
    not_followed_changed: bool,
}

/// The content of the next chunk.
#[derive(Debug, Default)]
pub struct Taken {
    pub lines: Vec<LogLine>,
    /// Containers that have changed. If there are any, no lines are taken.
    pub containers: Vec<LogContainer>,
    /// Lines that were dropped before these.
    pub dropped: u64,
    /// The number of containers that are not followed at present.
    pub not_followed: u32,
}

impl Buffer {
    /// Adds a line, and drops as many old ones as necessary.
    pub fn push(&self, line: LogLine) {
        let mut held = self.held();
        held.bytes += bytes(&line);
        held.lines.push_back(line);
        while held.bytes > CAPACITY && held.lines.len() > 1 {
            held.pop();
            held.dropped += 1;
        }
        drop(held);
        self.filled.notify_one();
    }

    /// Notes the new state of a container.
    pub fn report(&self, source: &LogSource, container: LogContainer) {
        self.held().changed.insert(source.clone(), container);
        self.filled.notify_one();
    }

    /// Notes how many containers are not followed.
    pub fn set_not_followed(&self, containers: u32) {
        let mut held = self.held();
        if held.not_followed != containers {
            held.not_followed = containers;
            held.not_followed_changed = true;
            self.filled.notify_one();
        }
    }

    /// Waits until there is something to send.
    pub async fn filled(&self) {
        while !self.held().has_something() {
            self.filled.notified().await;
        }
    }

    /// Takes the oldest lines: at most `count` of them, and at most `size` bytes unless the first line alone is larger.
    pub fn take(&self, count: usize, size: usize) -> Taken {
        let mut held = self.held();
        let mut taken = Taken {
            lines: Vec::new(),
            containers: Vec::new(),
            dropped: std::mem::take(&mut held.dropped),
            not_followed: held.not_followed,
        };
        held.not_followed_changed = false;
        while taken.containers.len() < CONTAINERS
            && let Some((_, container)) = held.changed.pop_first()
        {
            taken.containers.push(container);
        }
        if !taken.containers.is_empty() {
            return taken;
        }
        let mut budget = size;
        while taken.lines.len() < count {
            let Some(next) = held.lines.front().map(bytes) else {
                break;
            };
            if next > budget && !taken.lines.is_empty() {
                break;
            }
            budget = budget.saturating_sub(next);
            taken.lines.extend(held.pop());
        }
        taken
    }

    /// The number of buffered lines.
    pub fn len(&self) -> usize {
        self.held().lines.len()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock()
    }
}

impl Held {
    fn has_something(&self) -> bool {
        self.not_followed_changed || !self.changed.is_empty() || !self.lines.is_empty()
    }

    fn pop(&mut self) -> Option<LogLine> {
        let line = self.lines.pop_front()?;
        self.bytes -= bytes(&line);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::shortened;
    use super::*;
    use bus_schema::LogChunk;

    fn source(number: usize) -> LogSource {
        LogSource {
            pod: format!("{}{number}", "x".repeat(250))
                .parse()
                .expect("a pod"),
            container: "c".repeat(63).parse().expect("a container"),
        }
    }

    fn container(number: usize) -> LogContainer {
        let LogSource { pod, container } = source(number);
        LogContainer {
            pod,
            container,
            status: "CrashLoopBackOff".to_owned(),
            restarts: 0,
            problem: Some(shortened(&"\u{1}".repeat(10_000))),
            gone: false,
        }
    }

    fn line(text: String) -> LogLine {
        LogLine {
            pod: "web-1".parse().expect("a pod"),
            container: "web".parse().expect("a container"),
            time: None,
            text,
            truncated: false,
        }
    }

    #[test]
    fn the_oldest_lines_are_dropped_and_each_is_counted() {
        let buffer = Buffer::default();
        for n in 0..100_000 {
            buffer.push(line(n.to_string()));
        }
        let taken = buffer.take(usize::MAX, usize::MAX);
        let held: usize = taken.lines.iter().map(bytes).sum();
        assert!(held <= CAPACITY);
        assert!(held > CAPACITY - 200);
        assert_eq!(taken.lines.len() as u64 + taken.dropped, 100_000);
        assert_eq!(taken.lines.last().unwrap().text, "99999");
        assert_eq!(buffer.take(1, 1).dropped, 0);
    }

    #[test]
    fn the_newest_status_of_each_container_comes_before_the_lines() {
        let buffer = Buffer::default();
        let (source, mut container) = (source(0), container(0));
        buffer.report(&source, container.clone());
        container.restarts = 1;
        buffer.report(&source, container.clone());
        buffer.push(line("one".to_owned()));
        let taken = buffer.take(9, usize::MAX);
        assert_eq!((taken.containers, taken.lines.len()), (vec![container], 0));
        assert_eq!(buffer.take(9, usize::MAX).lines.len(), 1);
    }

    #[test]
    fn containers_fit_into_a_chunk_even_with_the_longest_problems() {
        let buffer = Buffer::default();
        for number in 0..100 {
            buffer.report(&source(number), container(number));
        }
        let mut reported = 0;
        while reported < 100 {
            let taken = buffer.take(9, usize::MAX);
            reported += taken.containers.len();
            let bytes = serde_json::to_vec(&taken.containers).expect("JSON");
            assert!(bytes.len() < LogChunk::MAX_BYTES / 2);
        }
    }

    #[test]
    fn lines_are_taken_in_order_by_number_and_by_size() {
        let buffer = Buffer::default();
        (0..5).for_each(|n| buffer.push(line(n.to_string())));
        let texts =
            |taken: Taken| -> Vec<String> { taken.lines.into_iter().map(|l| l.text).collect() };
        assert_eq!(texts(buffer.take(2, usize::MAX)), ["0", "1"]);
        assert_eq!(texts(buffer.take(9, 1)), ["2"]);
        assert_eq!(texts(buffer.take(9, usize::MAX)), ["3", "4"]);
    }
}
