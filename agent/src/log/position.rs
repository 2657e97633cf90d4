//! The position up to which a container's log was read, so that reading can resume after an interruption: the API server can only
//! resume at a whole second, and the lines of that second are sent again. Pure.

use bus_schema::whole_seconds;
use jiff::Timestamp;

/// The position up to which a log was read.
#[derive(Debug, Default)]
pub struct Position {
    /// The time of the last line, and the number of lines with that time.
    last: Option<(Timestamp, u32)>,
    /// Before the interruption, lines up to this time and this many lines with it were read.
    overlap: Option<(Timestamp, u32)>,
}

impl Position {
    /// The time from which to resume; `None` if nothing has been read yet. Rounded down: kube rounds to the nearest second, and lines
    /// would be lost.
    pub fn resume(&mut self) -> Option<Timestamp> {
        self.overlap = self.last;
        self.last.map(|(time, _)| whole_seconds(time))
    }

    /// Whether a line was not read before the interruption; must be called for each line in order.
    pub fn is_new(&mut self, time: Option<Timestamp>) -> bool {
        let Some(time) = time else {
            return true;
        };
        if let Some((edge, left)) = &mut self.overlap {
            if time < *edge {
                return false;
            }
            if time == *edge && *left > 0 {
                *left -= 1;
                return false;
            }
            if time > *edge {
                self.overlap = None;
            }
        }
        self.last = match self.last {
            Some((last, count)) if last == time => Some((last, count + 1)),
            Some((last, count)) if last > time => Some((last, count)),
            _ => Some((time, 1)),
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(fraction: &str) -> Option<Timestamp> {
        let text = format!("2026-03-01T10:00:{fraction}Z");
        Some(text.parse().expect("a time"))
    }

    #[test]
    fn after_a_break_no_line_comes_twice_and_none_is_missing() {
        let mut position = Position::default();
        assert_eq!(position.resume(), None);
        let before = ["00.1", "00.9", "00.9"];
        assert!(before.iter().all(|time| position.is_new(at(time))));
        assert_eq!(position.resume(), at("00"));
        let again = ["00.1", "00.9", "00.9", "00.9", "01", "00.95"];
        let new: Vec<bool> = again.iter().map(|time| position.is_new(at(time))).collect();
        // The third line of the same time is new; and after the overlap, disorder is the container's own.
        assert_eq!(new, [false, false, false, true, true, true]);
    }

    #[test]
    fn a_second_break_counts_all_lines_of_the_last_time() {
        let mut position = Position::default();
        assert!(position.is_new(at("05")));
        position.resume();
        assert!(!position.is_new(at("05")));
        assert!(position.is_new(at("05")));
        position.resume();
        let new: Vec<bool> = (0..3).map(|_| position.is_new(at("05"))).collect();
        assert_eq!(new, [false, false, true]);
    }
}
