//! Splits a log into lines of bounded length: a container may write gigabytes without a line break.

use std::io;

use super::source::LogSource;
use bus_schema::LogLine;
use futures::io::{AsyncBufRead, AsyncBufReadExt};
use jiff::Timestamp;

/// The longest text of a line.
pub const TEXT: usize = 16 * 1024;

/// The timestamp before the text, with its blank.
const STAMP: usize = 40;

/// A log, read line by line.
pub struct Lines<R> {
    log: R,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// The lines of a log.
    pub fn new(log: R) -> Self {
        Self { log }
    }

    /// The next line without its line break, cut to the maximum length; `None` at the end of the log. Not cancel safe: a partly read
    /// line is lost.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut begun = false;
        loop {
            let bytes = self.log.fill_buf().await?;
            if bytes.is_empty() {
                return Ok(begun.then_some(line));
            }
            begun = true;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let capacity = (TEXT + STAMP).saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(capacity)]);
            let used = end.map_or(bytes.len(), |end| end + 1);
            self.log.consume_unpin(used);
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }
}

/// Parses a line as the API server writes it with `timestamps`: a time, a blank, the text. A line without a time is text only.
pub fn to_line(source: &LogSource, raw: &[u8]) -> LogLine {
    let raw = String::from_utf8_lossy(raw);
    let raw = raw.strip_suffix('\r').unwrap_or(&raw);
    let stamped = raw
        .split_once(' ')
        .or(Some((raw, "")))
        .and_then(|(time, text)| Some((time.parse::<Timestamp>().ok()?, text)));
    let (time, text) = stamped.map_or((None, raw), |(time, text)| (Some(time), text));
    let head = cut(text);
    LogLine {
        pod: source.pod.clone(),
        container: source.container.clone(),
        time,
        text: head.to_owned(),
        truncated: head.len() < text.len(),
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::{BufReader, Cursor};

    fn source() -> LogSource {
        LogSource {
            pod: "web-1".parse().expect("a pod"),
            container: "web".parse().expect("a container"),
        }
    }

    async fn read(log: &[u8]) -> Vec<Vec<u8>> {
        // A small buffer, so that lines arrive in parts.
        let mut lines = Lines::new(BufReader::with_capacity(7, Cursor::new(log)));
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.expect("no error in memory") {
            all.push(line);
        }
        all
    }

    #[tokio::test]
    async fn lines_come_whole_the_last_one_without_its_end_too() {
        let lines = read(b"one\n\nlonger than the buffer\nlast").await;
        assert_eq!(
            lines,
            [&b"one"[..], b"", b"longer than the buffer", b"last"]
        );
        assert!(read(b"").await.is_empty());
    }

    #[tokio::test]
    async fn an_endless_line_takes_no_more_than_its_bound() {
        let mut log = vec![b'x'; 1_000_000];
        log.extend_from_slice(b"\nnext\n");
        let lines = read(&log).await;
        assert_eq!(lines[0].len(), TEXT + STAMP);
        assert_eq!(lines[1], b"next");
    }

    #[test]
    fn the_time_is_taken_off_the_text() {
        let line = to_line(&source(), b"2026-03-01T10:00:00.123456789Z GET / 200\r");
        assert_eq!(
            line.time.unwrap().to_string(),
            "2026-03-01T10:00:00.123456789Z"
        );
        assert_eq!(line.text, "GET / 200");
        assert_eq!(to_line(&source(), b"2026-03-01T10:00:00Z").text, "");
    }

    #[test]
    fn text_without_a_time_stays_whole_and_invalid_bytes_are_replaced() {
        let line = to_line(&source(), b"failed to open \xff");
        assert_eq!(line.time, None);
        assert_eq!(line.text, "failed to open \u{fffd}");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_boundary() {
        let text = format!("x{}", "é".repeat(TEXT));
        let line = to_line(&source(), text.as_bytes());
        assert_eq!(line.text.len(), TEXT - 1);
        assert!(line.truncated);
        assert!(!to_line(&source(), b"whole").truncated);
    }
}
