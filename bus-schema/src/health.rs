//! The health of a deployment, in one word.

use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The health of a deployment, ordered worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Health {
    /// The rollout exceeded its progress deadline.
    Failed,
    /// Fewer replicas are available than desired although no rollout is in progress; or its pods crash, cannot be created, pulled or
    /// scheduled, or stay unready for longer than a start takes.
    Degraded,
    /// A rollout is in progress, and nothing is known to block it.
    Progressing,
    /// The deployment is paused, and its current pods are running.
    Paused,
    /// All replicas are up to date and available.
    Healthy,
    /// The health cannot be determined, or is a value that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The healths that a filter matches; all if empty. An unknown word is rejected and not read as [`Health::Unknown`]: a filter by it
/// would match nothing, which looks as if all were well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct HealthFilter(Vec<Health>);

/// A word that is not a health.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "use healthy, progressing, degraded, paused, failed or unknown; wrong at position {position}"
)]
pub struct HealthFilterError {
    /// Where the word begins, in characters of the whole text.
    pub position: usize,
}

impl HealthFilter {
    /// Adds the healths of another filter.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// Words separated by commas.
impl FromStr for HealthFilter {
    type Err = HealthFilterError;

    fn from_str(text: &str) -> Result<Self, HealthFilterError> {
        let mut position = 0;
        let health = |word: &str| {
            let health = serde_json::from_value(word.into()).unwrap_or(Health::Unknown);
            let known = health != Health::Unknown || word == "unknown";
            let begins = position;
            position += word.chars().count() + 1;
            known
                .then_some(health)
                .ok_or(HealthFilterError { position: begins })
        };
        text.split(',')
            .map(health)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl TryFrom<Vec<String>> for HealthFilter {
    type Error = HealthFilterError;

    fn try_from(words: Vec<String>) -> Result<Self, HealthFilterError> {
        if words.is_empty() {
            return Ok(Self::default());
        }
        words.join(",").parse()
    }
}

impl FromIterator<Health> for HealthFilter {
    fn from_iter<T: IntoIterator<Item = Health>>(healths: T) -> Self {
        Self(healths.into_iter().collect())
    }
}

impl Deref for HealthFilter {
    type Target = [Health];

    fn deref(&self) -> &[Health] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_a_list_and_refuses_what_is_no_health() {
        let filter: HealthFilter = "failed,degraded,unknown".parse().unwrap();
        assert_eq!(*filter, [Health::Failed, Health::Degraded, Health::Unknown]);
        for (wrong, position) in [("", 0), ("AAA", 0), ("failed,", 7), ("failed,Degraded", 7)] {
            let error = wrong.parse::<HealthFilter>().unwrap_err();
            assert_eq!(error.position, position, "{wrong}");
        }
    }

    #[test]
    fn on_the_bus_it_is_a_list_and_as_strict() {
        let json = r#"["failed","degraded"]"#;
        let filter: HealthFilter = serde_json::from_str(json).unwrap();
        assert_eq!(*filter, [Health::Failed, Health::Degraded]);
        assert_eq!(serde_json::to_string(&filter).unwrap(), json);
        assert!(
            serde_json::from_str::<HealthFilter>("[]")
                .unwrap()
                .is_empty()
        );
        assert!(serde_json::from_str::<HealthFilter>(r#"["AAA"]"#).is_err());
    }
}
