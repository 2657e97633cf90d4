//! Pages of an ordered list: where one starts, and where it ends. Pure.

use bus_schema::{DEFAULT_LIMIT, Fault, FaultCode, MAX_LIMIT, PAGE_BYTES, Page};

/// How many items a page may have; a number out of range is refused rather than bent.
pub fn limit(asked: Option<u32>) -> Result<usize, Fault> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit as usize);
    }
    Err(Fault::new(
        FaultCode::InvalidRequest,
        format!("limit: {limit} is not between 1 and {MAX_LIMIT}"),
    ))
}

/// The fault for a `continue` that no list gave out.
pub fn not_a_cursor(why: &str) -> Fault {
    Fault::new(
        FaultCode::InvalidRequest,
        format!("continue: not from an earlier page of this list: {why}"),
    )
}

/// How much a page holds.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Items.
    pub items: usize,
    /// Bytes of their JSON.
    pub bytes: usize,
}

/// Takes items, which come in the list's order, until there is no more room; whether any were left. One item is always taken, so
/// that every page gets further.
pub fn take<T>(
    items: impl IntoIterator<Item = T>,
    room: Room,
    bytes: impl Fn(&T) -> usize,
) -> (Vec<T>, bool) {
    let (mut taken, mut used) = (Vec::new(), 0);
    for item in items {
        used += bytes(&item) + 1;
        let full = taken.len() >= room.items || used > room.bytes;
        if full && !taken.is_empty() {
            return (taken, true);
        }
        taken.push(item);
    }
    (taken, false)
}

/// A page of at most `limit` items. `cursor` says how the next page finds the item that was the last of this one.
pub fn fill<T>(
    items: impl IntoIterator<Item = T>,
    limit: usize,
    bytes: impl Fn(&T) -> usize,
    cursor: impl Fn(&T) -> String,
) -> Page<T> {
    let room = Room {
        items: limit,
        bytes: PAGE_BYTES,
    };
    let (items, more) = take(items, room, bytes);
    let next = items.last().filter(|_| more).map(cursor);
    Page {
        next,
        ..Page::whole(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pages(items: &[u32], limit: usize, bytes: usize) -> Vec<Vec<u32>> {
        let mut pages = Vec::new();
        let mut after: Option<u32> = None;
        loop {
            let rest = items
                .iter()
                .copied()
                .filter(|i| after.is_none_or(|a| *i > a));
            let page = fill(rest, limit, |_| bytes, u32::to_string);
            pages.push(page.items);
            match page.next {
                Some(cursor) => after = Some(cursor.parse().expect("a number")),
                None => return pages,
            }
        }
    }

    #[test]
    fn the_last_page_has_no_continue_even_when_it_is_full() {
        assert_eq!(pages(&[1, 2, 3, 4], 2, 1), [[1, 2], [3, 4]]);
    }

    #[test]
    fn a_page_ends_by_bytes() {
        let items: Vec<u32> = (0..10).collect();
        let pages = pages(&items, 100, PAGE_BYTES / 3);
        assert!(pages.iter().all(|page| page.len() <= 2), "{pages:?}");
    }

    #[test]
    fn an_item_larger_than_a_page_still_gets_through() {
        assert_eq!(pages(&[1, 2], 10, PAGE_BYTES * 2), [[1], [2]]);
    }

    #[test]
    fn limits_out_of_range_are_refused_by_name() {
        for asked in [0, MAX_LIMIT + 1] {
            let fault = limit(Some(asked)).unwrap_err();
            assert_eq!(fault.code, FaultCode::InvalidRequest);
            assert!(fault.message.starts_with("limit"), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn pages_together_are_the_list(count in 0u32..200, limit in 1usize..50, bytes in 0usize..100_000) {
            let items: Vec<u32> = (0..count).collect();
            prop_assert_eq!(pages(&items, limit, bytes).concat(), items);
        }
    }
}
