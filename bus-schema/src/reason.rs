//! Why somebody makes a change.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why somebody makes a change, in their words: one line of 1 to 500 characters, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(
    value_type = String, min_length = 1, max_length = 500,
    pattern = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+$",
    example = "TLS rotation"
))]
pub struct Reason(String);

/// The text is not a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write one line of 1 to 500 characters, without control characters")]
pub struct ReasonError;

/// The maximum number of characters.
const MAX_CHARACTERS: usize = 500;

impl Reason {
    /// The reason as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Two of Unicode's line breaks are not control characters.
fn is_illegal(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

impl TryFrom<String> for Reason {
    type Error = ReasonError;

    fn try_from(text: String) -> Result<Self, ReasonError> {
        let fits = text.chars().count() <= MAX_CHARACTERS && !text.contains(is_illegal);
        if fits && !text.trim().is_empty() {
            Ok(Self(text))
        } else {
            Err(ReasonError)
        }
    }
}

impl FromStr for Reason {
    type Err = ReasonError;

    fn from_str(text: &str) -> Result<Self, ReasonError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_is_not_blank_and_counted_in_characters() {
        let longest = "ä".repeat(500);
        for text in [
            "x",
            "TLS rotation, see OPS-1 (\"urgent\")",
            "维护",
            &longest,
        ] {
            assert_eq!(text.parse::<Reason>().unwrap().as_str(), text);
        }
        let too_long = "ä".repeat(501);
        for text in [
            "",
            " ",
            "\u{a0}",
            "two\nlines",
            "a\ttab",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{2028}b",
            &too_long,
        ] {
            assert_eq!(text.parse::<Reason>(), Err(ReasonError), "{text:?}");
        }
    }
}
