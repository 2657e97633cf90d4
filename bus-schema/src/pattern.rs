//! Names with wildcards: the scope of grants, and the clusters and namespaces of a fleet query.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ClusterName, Namespace};

/// A name of a cluster or namespace in which each `*` matches any number of characters, including none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[a-z0-9*-]+$", min_length = 1, max_length = 63))]
pub struct Pattern(String);

/// The text is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a pattern: use 1 to 63 of a-z, 0-9, - and *; the first wrong character is at position {position}"
)]
pub struct PatternError {
    /// The position of the first character that is not allowed there, counted from 0; the text's length if the pattern is incomplete.
    pub position: usize,
}

/// The longest name that a pattern can match.
const LONGEST: usize = 63;

/// Matches this cluster only.
impl From<&ClusterName> for Pattern {
    fn from(cluster: &ClusterName) -> Self {
        Self(cluster.to_string())
    }
}

/// Matches this namespace only.
impl From<&Namespace> for Pattern {
    fn from(namespace: &Namespace) -> Self {
        Self(namespace.to_string())
    }
}

impl Pattern {
    /// Matches every name.
    #[must_use]
    pub fn all() -> Self {
        Self("*".to_owned())
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole name matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Where to resume when a later part does not match: after the last star, which then consumes one byte more. Going back to
        // earlier stars is never needed, and so this cannot take exponential time.
        let mut retry = None;
        while n < name.len() {
            if pattern.get(p) == Some(&b'*') {
                p += 1;
                retry = Some((p, n));
            } else if pattern.get(p) == Some(&name[n]) {
                p += 1;
                n += 1;
            } else if let Some((after_star, swallowed)) = retry {
                retry = Some((after_star, swallowed + 1));
                (p, n) = (after_star, swallowed + 1);
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|byte| *byte == b'*')
    }

    /// Whether the whole name matches one of these patterns.
    #[must_use]
    pub fn any(patterns: &[Self], name: &str) -> bool {
        patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// The same for an optional filter: without patterns every name matches.
    #[must_use]
    pub fn any_or_all(patterns: &[Self], name: &str) -> bool {
        patterns.is_empty() || Self::any(patterns, name)
    }

    /// Whether every name matches.
    #[must_use]
    pub fn matches_all(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'*')
    }
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        let legal = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '*');
        let wrong = text
            .chars()
            .enumerate()
            .find(|(position, c)| *position == LONGEST || !legal(*c));
        match wrong {
            Some((position, _)) => Err(PatternError { position }),
            None if text.is_empty() => Err(PatternError { position: 0 }),
            None => Ok(Self(text)),
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, without any cleverness.
    fn fits(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|skip| fits(rest, &name[skip..])),
            Some((byte, rest)) => name.first() == Some(byte) && fits(rest, &name[1..]),
        }
    }

    #[test]
    fn what_no_name_can_contain_is_no_pattern() {
        let long = "a".repeat(64);
        for text in ["", "A", "a.b", "a b", "a?", "é", "[a]", "a\n", "\0", &long] {
            assert!(
                Pattern::try_from(text.to_owned()).is_err(),
                "{text:?} was accepted"
            );
        }
    }

    #[test]
    fn the_error_names_the_first_wrong_position() {
        let long = "a".repeat(64);
        for (text, position) in [("", 0), ("aB", 1), ("é", 0), ("a-é.", 2), (&*long, 63)] {
            assert_eq!(
                Pattern::from_str(text),
                Err(PatternError { position }),
                "{text}"
            );
        }
    }

    #[test]
    fn many_stars_are_decided_at_once() {
        let pattern = Pattern::try_from("*a".repeat(31)).unwrap();
        assert!(!pattern.matches(&format!("{}b", "a".repeat(62))));
    }

    proptest! {
        #[test]
        fn a_pattern_matches_exactly_as_defined(pattern in "[ab*]{1,8}", name in "[ab]{0,10}") {
            let expected = fits(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(Pattern::try_from(pattern).unwrap().matches(&name), expected);
        }

        #[test]
        fn a_pattern_without_stars_matches_its_own_name_alone(name in "[a-z0-9-]{1,20}", other in "[a-z0-9-]{1,20}") {
            let pattern = Pattern::try_from(name.clone()).unwrap();
            prop_assert!(pattern.matches(&name));
            prop_assert_eq!(pattern.matches(&other), name == other);
        }
    }
}
