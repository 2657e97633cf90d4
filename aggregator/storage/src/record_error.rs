//! Why a record cannot be read, and how it is shown to operators.

use std::borrow::Cow;
use std::str::FromStr;

use serde::de::DeserializeOwned;

/// Most characters shown of a key, which can be as long as a subject.
const KEY_CHARACTERS: usize = 120;

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Its key is not valid in this bucket.
    #[error("its key is not {0}")]
    KeyInvalid(&'static str),
    /// Its value does not parse.
    #[error("its value does not parse: {0}")]
    ValueInvalid(String),
    /// Its value belongs to another key.
    #[error("its value belongs to another key")]
    KeyMismatch,
}

/// Parses a record's key; `what` describes a valid one.
///
/// # Errors
/// [`RecordError::KeyInvalid`]
pub fn parse_key<K: FromStr>(key: &str, what: &'static str) -> Result<K, RecordError> {
    key.parse().map_err(|_| RecordError::KeyInvalid(what))
}

/// Parses a record's value.
///
/// # Errors
/// [`RecordError::ValueInvalid`]
pub fn parse_value<V: DeserializeOwned>(value: &[u8]) -> Result<V, RecordError> {
    serde_json::from_slice(value).map_err(|error| RecordError::ValueInvalid(error.to_string()))
}

/// A record as the command line accepts it, quoted for a shell if necessary.
#[must_use]
pub fn shown(bucket: &str, key: &str) -> String {
    let key: String = key.chars().take(KEY_CHARACTERS).collect();
    let record = format!("{bucket}/{key}");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=".contains(c);
    if record.chars().all(is_plain) {
        return record;
    }
    let escaped: Cow<'_, str> = match record.chars().any(char::is_control) {
        true => record.escape_debug().to_string().into(),
        false => record.into(),
    };
    format!("'{}'", escaped.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_quoted_for_the_shell_where_it_has_to_be() {
        assert_eq!(shown("clusters", "prod-1.x"), "clusters/prod-1.x");
        assert_eq!(shown("clusters", "$(a)'b"), r"'clusters/$(a)'\''b'");
        assert!(!shown("clusters", "a\u{1b}[2J").contains('\u{1b}'));
    }
}
