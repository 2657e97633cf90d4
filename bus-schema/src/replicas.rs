//! Numbers of replicas in requests: their bounds, and refusals that say them.

use serde::de::{Deserializer, Error as _};

use crate::whole_number::WholeNumber;

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
    at_most(deserializer, MAX_REPLICAS)
}

/// Deserializes a number of replicas that the workload is expected to have.
///
/// # Errors
/// For other values; the message says the rule.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    at_most(deserializer, MAX_PRESENT).map(Some)
}

fn at_most<'de, D: Deserializer<'de>>(deserializer: D, most: u32) -> Result<u32, D::Error> {
    let number = deserializer.deserialize_u64(WholeNumber {
        what: "a whole number of replicas",
        least: 0,
        most: most.into(),
    })?;
    u32::try_from(number).map_err(D::Error::custom)
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
