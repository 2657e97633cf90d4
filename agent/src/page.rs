//! Pages of an ordered list: where they start, and how they are filled. Pure.

use bus_schema::page::{PageBudget, take};
use bus_schema::{Fault, PAGE_BYTES, Page};

/// The fault for a `continue` that did not come from a list.
pub fn not_a_cursor(why: &str) -> Fault {
    let why = format!("not from an earlier page of this list: {why}");
    Fault::in_field("continue", why)
}

/// A page of at most `limit` items. `cursor` makes the cursor of the page's last item, from which the next page continues.
pub fn fill<T>(
    items: impl IntoIterator<Item = T>,
    limit: usize,
    bytes: impl Fn(&T) -> usize,
    cursor: impl Fn(&T) -> String,
) -> Page<T> {
    let budget = PageBudget {
        items: limit,
        bytes: PAGE_BYTES,
    };
    let (items, more) = take(items, budget, bytes);
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

    proptest! {
        #[test]
        fn pages_together_are_the_list(count in 0u32..200, limit in 1usize..50, bytes in 0usize..100_000) {
            let items: Vec<u32> = (0..count).collect();
            prop_assert_eq!(pages(&items, limit, bytes).concat(), items);
        }
    }
}
