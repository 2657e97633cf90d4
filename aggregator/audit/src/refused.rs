//! Sign-ins that were refused, several as one line.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The user name or the password is wrong.
    WrongCredentials,
    /// Too many wrong ones before.
    RateLimited,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongCredentials => "the user name or the password is wrong",
            Self::RateLimited => "too many wrong tries",
        })
    }
}

/// Several refused sign-ins as one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedSignIns {
    /// From where; absent when they came from many networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// How many, beside the first, which has a line of its own.
    pub count: u64,
    /// For how many user names; 512 are told apart.
    pub users: usize,
    /// Five of the names at most.
    pub sample: Vec<String>,
}

impl RefusedSignIns {
    pub(super) fn detail(&self, refusal: Refusal) -> String {
        let network = self.network.as_deref().unwrap_or("many networks");
        let Self { count, users, .. } = self;
        let names = self.sample.join(", ");
        let more = if *users > self.sample.len() {
            ", …"
        } else {
            ""
        };
        format!(
            "{refusal}: {count} more within a minute from {network}, for {users} user names ({names}{more})"
        )
    }
}
