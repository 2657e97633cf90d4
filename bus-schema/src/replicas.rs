//! Numbers of replicas in requests: their bounds, and refusals that say them.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};

/// The maximum number of replicas that may be asked for. Kubernetes would accept any `int32`, but is designed for clusters of at most
/// 150,000 pods: a mistyped number must not fill a cluster with pods.
pub const MAX_REPLICAS: u32 = 100_000;

/// The maximum number that a workload may have already: `int32`, as in Kubernetes.
const MAX_PRESENT: u32 = i32::MAX.unsigned_abs();

/// Deserializes a desired number of replicas: 0 to [`MAX_REPLICAS`].
///
/// # Errors
/// For other values; the message says the rule.
pub fn desired<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_u32(AtMost(MAX_REPLICAS))
}

/// Deserializes a number of replicas that the workload is expected to have.
///
/// # Errors
/// For other values; the message says the rule.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = deserializer.deserialize_u32(AtMost(MAX_PRESENT));
    number.map(Some)
}

struct AtMost(u32);

impl Visitor<'_> for AtMost {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number of replicas from 0 to {}", self.0)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u32, E> {
        let found = u32::try_from(number).ok().filter(|found| *found <= self.0);
        found.ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    /// JSON does not tell 3 from 3.0.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<u32, E> {
        let whole = (number.fract() == 0.0).then(|| format!("{number:.0}").parse().ok());
        match whole.flatten() {
            Some(number) => self.visit_i64(number),
            None => Err(E::invalid_value(de::Unexpected::Float(number), &self)),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u32, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<u32, String> {
        let mut json = serde_json::Deserializer::from_str(json);
        desired(&mut json).map_err(|error| error.to_string())
    }

    #[test]
    fn whole_numbers_within_the_bounds_are_read_however_they_are_written() {
        for (json, number) in [
            ("0", 0),
            ("3", 3),
            ("3.0", 3),
            ("1e5", 100_000),
            ("-0.0", 0),
        ] {
            assert_eq!(read(json), Ok(number), "{json}");
        }
        for json in [
            "-1", "-1.0", "2.5", "100001", "100000.5", "1e6", "1e300", "-1e300", "\"3\"", "null",
            "true", "[3]",
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains("from 0 to 100000"), "{json}: {error}");
        }
    }
}
