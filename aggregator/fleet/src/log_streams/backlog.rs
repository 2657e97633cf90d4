//! Buffers chunks for the reader of one followed log. Knows nothing of the bus.

use std::collections::{BTreeMap, VecDeque};

use bus_schema::{ContainerName, LogChunk, LogContainer, PodName};

/// The maximum size of the backlog as received; one chunk is retained whatever its size.
const BYTES: usize = LogChunk::MAX_BYTES;

/// The number of containers remembered from dropped chunks.
const CONTAINERS: usize = 256;

/// Chunks in order. If a new one does not fit, the oldest are dropped and their lines counted: a reader wants the newest.
#[derive(Debug, Default)]
pub struct Backlog {
    chunks: VecDeque<(LogChunk, usize)>,
    bytes: usize,
    /// Lines that were missing before the oldest chunk.
    dropped: u64,
    /// The status of the containers then.
    changed: BTreeMap<(PodName, ContainerName), LogContainer>,
    /// Lines that were delivered or dropped and not granted again yet.
    left: usize,
}

impl Backlog {
    /// Adds a chunk that was received with this size in bytes.
    pub fn push(&mut self, chunk: LogChunk, bytes: usize) {
        self.bytes += bytes;
        self.chunks.push_back((chunk, bytes));
        while self.bytes > BYTES && self.chunks.len() > 1 {
            if let Some(oldest) = self.take() {
                self.let_go(oldest);
            }
        }
    }

    fn let_go(&mut self, chunk: LogChunk) {
        let lost = chunk.dropped.saturating_add(chunk.lines.len() as u64);
        self.dropped = self.dropped.saturating_add(lost);
        for container in chunk.containers {
            let key = (container.pod.clone(), container.container.clone());
            if self.changed.len() < CONTAINERS || self.changed.contains_key(&key) {
                self.changed.insert(key, container);
            }
        }
    }

    /// The oldest chunk, with the number of lines missing before it and the status of the containers.
    pub fn pop(&mut self) -> Option<LogChunk> {
        let mut chunk = self.take()?;
        let missing = std::mem::take(&mut self.dropped);
        chunk.dropped = chunk.dropped.saturating_add(missing);
        let before = std::mem::take(&mut self.changed).into_values();
        let containers = before.chain(chunk.containers);
        chunk.containers = containers.collect();
        Some(chunk)
    }

    /// The number of lines that were delivered or dropped and not granted again yet.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Records that credit was granted for all of them.
    pub fn granted(&mut self) {
        self.left = 0;
    }

    fn take(&mut self) -> Option<LogChunk> {
        let (chunk, bytes) = self.chunks.pop_front()?;
        self.bytes -= bytes;
        self.left += chunk.lines.len();
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use bus_schema::LogLine;

    use super::*;

    fn chunk(sequence: u64, lines: usize, dropped: u64) -> LogChunk {
        let line = LogLine {
            pod: "web-1".parse().expect("a pod"),
            container: "web".parse().expect("a container"),
            time: None,
            text: sequence.to_string(),
            truncated: false,
        };
        LogChunk {
            sequence,
            lines: vec![line; lines],
            containers: Vec::new(),
            dropped,
            not_followed: 0,
            end: None,
        }
    }

    #[test]
    fn chunks_that_fit_come_out_unchanged() {
        let mut backlog = Backlog::default();
        backlog.push(chunk(1, 2, 0), BYTES / 2);
        backlog.push(chunk(2, 3, 7), BYTES / 2);
        assert_eq!(backlog.pop(), Some(chunk(1, 2, 0)));
        assert_eq!(backlog.left(), 2);
        backlog.granted();
        assert_eq!(backlog.pop(), Some(chunk(2, 3, 7)));
        assert_eq!(backlog.left(), 3);
        assert_eq!(backlog.pop(), None);
    }

    #[test]
    fn the_oldest_chunks_are_dropped_and_their_lines_counted_and_granted_again() {
        let mut backlog = Backlog::default();
        for sequence in 1..=1_000 {
            backlog.push(chunk(sequence, 3, 1), BYTES / 4);
            assert!(backlog.bytes <= BYTES);
        }
        assert_eq!(backlog.left(), 996 * 3);
        let oldest = backlog.pop().expect("a chunk");
        assert_eq!((oldest.sequence, oldest.dropped), (997, 996 * 4 + 1));
        assert_eq!(backlog.pop(), Some(chunk(998, 3, 1)), "counted once");
    }

    #[test]
    fn the_status_of_a_container_survives_its_dropped_chunk() {
        let container = |number: u32, status: &str| LogContainer {
            pod: format!("web-{number}").parse().expect("a pod"),
            container: "web".parse().expect("a container"),
            status: status.to_owned(),
            restarts: 0,
            problem: None,
            gone: false,
        };
        let reported = |sequence, containers: Vec<LogContainer>| LogChunk {
            containers,
            ..chunk(sequence, 0, 0)
        };
        let mut backlog = Backlog::default();
        backlog.push(reported(1, vec![container(1, "Running")]), BYTES);
        backlog.push(reported(2, vec![container(1, "Error")]), BYTES);
        backlog.push(reported(3, vec![container(2, "Running")]), BYTES);
        let chunk = backlog.pop().expect("a chunk");
        let all = vec![container(1, "Error"), container(2, "Running")];
        assert_eq!(chunk.containers, all);
        for number in 0..1_000 {
            backlog.push(reported(4, vec![container(number, "Running")]), BYTES);
        }
        assert!(backlog.changed.len() <= CONTAINERS);
    }

    #[test]
    fn one_chunk_is_retained_whatever_its_size() {
        let mut backlog = Backlog::default();
        backlog.push(chunk(1, 1, u64::MAX), 1);
        backlog.push(chunk(2, 1, u64::MAX), BYTES * 2);
        let chunk = backlog.pop().expect("a chunk");
        assert_eq!((chunk.sequence, chunk.dropped), (2, u64::MAX));
    }
}
