//! A webhook: who is notified of which states, where, and how.

use std::fmt;

use bus_schema::Pattern;
use reqwest::Url;
use runs::{Run, RunState, Transition};

use crate::address::Reach;
use crate::signature::SigningKeys;

/// A receiver of notifications.
#[derive(Clone)]
pub struct Webhook {
    /// Its name: 1 to 40 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// What it gets.
    pub format: Format,
    /// The states that it is notified of.
    pub states: Vec<RunState>,
    pub(crate) clusters: Option<Vec<Pattern>>,
    /// Often a secret: anyone who has it can post.
    pub(crate) url: Url,
    pub(crate) reach: Reach,
}

/// The format of its messages.
#[derive(Debug, Clone)]
pub enum Format {
    /// Standard Webhooks 1.0, signed with these keys.
    Standard(SigningKeys),
    /// A line of text for an incoming webhook of Slack, or of a chat that is compatible with it.
    Slack,
}

impl Format {
    /// As it is written in the file.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Standard(_) => "standard",
            Self::Slack => "slack",
        }
    }
}

impl Webhook {
    /// Whether it is notified of this transition of a run.
    pub(crate) fn wants(&self, run: &Run, transition: &Transition) -> bool {
        let of_clusters = self.clusters.as_ref().is_none_or(|patterns| {
            let mut clusters = run.clusters.iter();
            clusters.any(|name| patterns.iter().any(|it| it.matches(name.as_str())))
        });
        self.states.contains(&transition.state) && of_clusters
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.name)
            .field("format", &self.format.as_str())
            .finish_non_exhaustive()
    }
}
