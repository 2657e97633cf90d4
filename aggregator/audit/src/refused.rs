//! Several refused sign-ins as one line.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The user name or the password is wrong.
    WrongCredentials,
    /// Too many wrong passwords before.
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
    /// The network they came from; absent when they came from many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// How many, not counting the first, which has a separate line.
    pub count: u64,
    /// For how many user names; at most 512 are distinguished.
    pub users: usize,
    /// At most five of the names.
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
