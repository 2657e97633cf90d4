//! A cache of recently decompressed lists, as many as fit: the next page of a query needs the same lists.

use std::collections::HashMap;
use std::sync::Arc;

use bus_schema::StreamId;

use super::LastKnown;

/// In bytes of JSON; a decompressed list takes about twice as much.
const CAPACITY: usize = 32 * 1024 * 1024;

#[derive(Debug, Default)]
pub struct Cache {
    lists: HashMap<StreamId, (Arc<LastKnown>, u64)>,
    bytes: usize,
    /// Incremented with each use.
    uses: u64,
}

impl Cache {
    pub fn get(&mut self, generation: &StreamId) -> Option<Arc<LastKnown>> {
        self.uses += 1;
        let (list, used) = self.lists.get_mut(generation)?;
        *used = self.uses;
        Some(Arc::clone(list))
    }

    /// The least recently used lists are evicted.
    pub fn put(&mut self, generation: StreamId, list: &Arc<LastKnown>) {
        self.uses += 1;
        if list.bytes() > CAPACITY {
            return;
        }
        self.bytes += list.bytes();
        let used = (Arc::clone(list), self.uses);
        if let Some((before, _)) = self.lists.insert(generation, used) {
            self.bytes -= before.bytes();
        }
        while self.bytes > CAPACITY {
            let oldest = self.lists.iter().min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else {
                return;
            };
            if let Some((list, _)) = self.lists.remove(&oldest) {
                self.bytes -= list.bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_list_is_evicted() {
        let mut cache = Cache::default();
        let id = |text: &str| -> StreamId { text.parse().unwrap() };
        let list = |bytes| Arc::new(LastKnown::of_bytes(bytes));
        for name in ["a", "b", "c"] {
            cache.put(id(name), &list(CAPACITY / 3));
        }
        assert!(cache.get(&id("a")).is_some());
        cache.put(id("d"), &list(CAPACITY / 3));
        let there = ["a", "b", "c", "d"].map(|name| cache.get(&id(name)).is_some());
        assert_eq!(there, [true, false, true, true]);
        // Adding the same list again takes no more memory, and a list that can never fit evicts no other.
        cache.put(id("d"), &list(CAPACITY / 3));
        cache.put(id("e"), &list(CAPACITY + 1));
        assert_eq!((cache.lists.len(), cache.bytes), (3, CAPACITY / 3 * 3));
    }
}
