//! Pages of a list.

use serde::{Deserialize, Serialize};

/// Items of a page when the request names no limit.
pub const DEFAULT_LIMIT: u32 = 500;

/// The most items that a request may ask for in one page.
pub const MAX_LIMIT: u32 = 5_000;

/// A page ends before its items take more bytes of JSON than this, well under the broker's limit of 1 MiB for a message.
pub const PAGE_BYTES: usize = 512 * 1024;

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items, ordered by namespace and name unless the list says otherwise.
    pub items: Vec<T>,
    /// Give this back as `continue` for the next page; absent on the last one.
    #[serde(default, rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Present when the agent is cut off from its API server: for how many seconds the items may be out of date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_seconds: Option<u64>,
}

impl<T> Page<T> {
    /// A whole list in one page, up to date.
    #[must_use]
    pub fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next: None,
            stale_seconds: None,
        }
    }
}
