//! Times on the wire: RFC 3339 in UTC.

use jiff::Timestamp;

/// The same time without its fraction of a second: the precision that kubectl writes into the restart annotation, and so the precision
/// in which restarts are compared.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_is_dropped() {
        let time: Timestamp = "2026-03-01T10:00:00.987Z".parse().unwrap();
        assert_eq!(whole_seconds(time).to_string(), "2026-03-01T10:00:00Z");
    }
}
