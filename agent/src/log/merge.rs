//! Merges the lines of many containers by time and cuts them to what fits into a reply. Pure.

use bus_schema::{LogLine, PAGE_BYTES};
use jiff::Timestamp;

/// The newest of the added lines, ordered by time.
#[derive(Debug, Default)]
pub struct Newest {
    lines: Vec<(Timestamp, LogLine)>,
    truncated: bool,
}

impl Newest {
    /// Adds the lines of one container, in their order, which is preserved even if their times are not in order.
    pub fn add(&mut self, lines: impl IntoIterator<Item = LogLine>) {
        let mut latest = Timestamp::MIN;
        self.lines.extend(lines.into_iter().map(|line| {
            latest = line.time.map_or(latest, |time| time.max(latest));
            (latest, line)
        }));
        self.lines.sort_by_key(|(time, _)| *time);
        self.cut();
    }

    /// Older lines were left out elsewhere.
    pub fn mark_truncated(&mut self) {
        self.truncated = true;
    }

    /// The lines, and whether older ones were left out.
    pub fn into_lines(self) -> (Vec<LogLine>, bool) {
        let lines = self.lines.into_iter().map(|(_, line)| line).collect();
        (lines, self.truncated)
    }

    fn cut(&mut self) {
        let mut budget = PAGE_BYTES;
        let newest = self.lines.iter().rev().take_while(|(_, line)| {
            let bytes = bytes(line);
            let fits = bytes <= budget;
            budget = budget.saturating_sub(bytes);
            fits
        });
        let too_many = self.lines.len() - newest.count();
        self.truncated |= too_many > 0;
        self.lines.drain(..too_many);
    }
}

/// An upper bound of a line's size in JSON.
pub fn bytes(line: &LogLine) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    let text: usize = line.text.bytes().map(escaped).sum();
    let names = line.pod.as_str().len() + line.container.as_str().len();
    text + names + 90
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn line(container: &str, second: i64, text: &str) -> LogLine {
        let start: Timestamp = "2026-03-01T10:00:00Z".parse().expect("a time");
        LogLine {
            pod: "web-1".parse().expect("a pod"),
            container: container.parse().expect("a container"),
            time: Some(start + SignedDuration::from_secs(second)),
            text: text.to_owned(),
            truncated: false,
        }
    }

    fn texts(newest: Newest) -> Vec<String> {
        newest
            .into_lines()
            .0
            .into_iter()
            .map(|line| line.text)
            .collect()
    }

    #[test]
    fn lines_are_merged_by_time_and_keep_their_order_within_a_container() {
        let mut newest = Newest::default();
        newest.add([
            line("a", 1, "a1"),
            line("a", 5, "a5"),
            line("a", 4, "a4 late"),
        ]);
        let mut timeless = line("b", 0, "b timeless");
        timeless.time = None;
        newest.add([line("b", 2, "b2"), timeless, line("b", 6, "b6")]);
        assert_eq!(
            texts(newest),
            ["a1", "b2", "b timeless", "a5", "a4 late", "b6"]
        );
    }

    #[test]
    fn the_oldest_lines_are_left_out_regardless_of_their_container() {
        let text = "\u{1}".repeat(PAGE_BYTES / 6 / 4);
        let mut newest = Newest::default();
        newest.add((0..3).map(|n| line("a", n * 2, &text)));
        newest.add((0..3).map(|n| line("b", n * 2 + 1, &text)));
        let (lines, truncated) = newest.into_lines();
        assert!(truncated);
        let seconds: Vec<_> = lines
            .iter()
            .map(|l| l.time.unwrap().as_second() % 60)
            .collect();
        assert_eq!(seconds, [3, 4, 5]);
    }

    #[test]
    fn a_line_is_never_larger_than_it_was_taken_for() {
        for text in ["", "plain", "\"quoted\" \\ \n\t\u{1}", "é\u{2028}\u{7f}"] {
            let line = line("a", 1, text);
            let json = serde_json::to_string(&line).unwrap();
            assert!(json.len() < bytes(&line), "{json}");
        }
    }
}
