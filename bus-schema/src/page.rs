//! Pages of a list: how long one may be, and where it ends.

use serde::{Deserialize, Serialize};

use crate::Fault;

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

/// How many items a page may have; a number out of range is refused rather than bent.
///
/// # Errors
/// [`crate::FaultCode::InvalidRequest`] for such a number.
pub fn limit(asked: Option<u32>) -> Result<usize, Fault> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit as usize);
    }
    let why = format!("{limit} is not between 1 and {MAX_LIMIT}");
    Err(Fault::in_field("limit", why))
}

/// How much a page may hold.
#[derive(Debug, Clone, Copy)]
pub struct PageBudget {
    /// Items.
    pub items: usize,
    /// Bytes of their JSON.
    pub bytes: usize,
}

/// Takes items, which come in the list's order, until the budget is spent; whether any were left. One item is always taken, so
/// that every page gets further.
pub fn take<T>(
    items: impl IntoIterator<Item = T>,
    budget: PageBudget,
    bytes: impl Fn(&T) -> usize,
) -> (Vec<T>, bool) {
    let (mut taken, mut used) = (Vec::new(), 0);
    for item in items {
        used += bytes(&item) + 1;
        let full = taken.len() >= budget.items || used > budget.bytes;
        if full && !taken.is_empty() {
            return (taken, true);
        }
        taken.push(item);
    }
    (taken, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_out_of_range_are_refused_by_name() {
        for asked in [0, MAX_LIMIT + 1] {
            let fault = limit(Some(asked)).unwrap_err();
            assert_eq!(fault.code, crate::FaultCode::InvalidRequest);
            assert_eq!(fault.field.as_deref(), Some("limit"), "{fault}");
        }
    }
}
