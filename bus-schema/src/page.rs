//! Pages of a list: their limits, and where a page ends.

use serde::{Deserialize, Serialize};

use crate::Fault;

/// The number of items in a page if the request sets no limit.
pub const DEFAULT_LIMIT: u32 = 500;

/// The maximum number of items in a page.
pub const MAX_LIMIT: u32 = 5_000;

/// The maximum size of a page's items in bytes of JSON, well below the broker's message limit of 1 MiB.
pub const PAGE_BYTES: usize = 512 * 1024;

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items, ordered by namespace and name unless the list defines another order.
    pub items: Vec<T>,
    /// Pass this as `continue` to get the next page; absent on the last page.
    #[serde(default, rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Present if the agent has lost its API server: for how many seconds the items may have been out of date.
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

/// The number of items that a page may have; a number out of range is rejected, not clamped.
///
/// # Errors
/// [`crate::FaultCode::InvalidRequest`] for a number out of range.
pub fn limit(requested: Option<u32>) -> Result<usize, Fault> {
    let limit = requested.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit as usize);
    }
    let why = format!("{limit} is not between 1 and {MAX_LIMIT}");
    Err(Fault::in_field("limit", why))
}

/// The limits of one page.
#[derive(Debug, Clone, Copy)]
pub struct PageBudget {
    /// Items.
    pub items: usize,
    /// Bytes of their JSON.
    pub bytes: usize,
}

/// Takes items, in the order of the list, until the budget is spent; also returns whether any are left. At least one item is always
/// taken, so that every page makes progress.
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
        for requested in [0, MAX_LIMIT + 1] {
            let fault = limit(Some(requested)).unwrap_err();
            assert_eq!(fault.code, crate::FaultCode::InvalidRequest);
            assert_eq!(fault.field.as_deref(), Some("limit"), "{fault}");
        }
    }
}
