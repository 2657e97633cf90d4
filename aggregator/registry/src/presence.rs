//! Whether a cluster is online.

use serde::Serialize;
use utoipa::ToSchema;

/// Whether a cluster's agents send heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// The last heartbeat was in time.
    Online,
    /// A heartbeat is overdue: the known state may be out of date, and changes are refused.
    Stale,
    /// No heartbeat for three intervals, or the agents announced that they shut down.
    Offline,
}

impl Presence {
    /// As in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Stale => "stale",
            Self::Offline => "offline",
        }
    }
}
