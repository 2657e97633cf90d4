//! Messages as JSON.

use serde::Serialize;

/// Serializes a value, which cannot fail for our own types.
pub(super) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
