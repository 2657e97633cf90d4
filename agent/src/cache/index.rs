//! Items by key, in the order of the keys; read by many, written by one watch.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Freshness;

type Items<V> = BTreeMap<Box<str>, Arc<V>>;

/// The items, and how far they can be trusted.
pub struct Index<V> {
    items: RwLock<Items<V>>,
    /// How far the items can be trusted.
    pub freshness: Freshness,
}

impl<V> Default for Index<V> {
    fn default() -> Self {
        Self {
            items: RwLock::default(),
            freshness: Freshness::default(),
        }
    }
}

impl<V> Index<V> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// The item of this key.
    pub fn get(&self, key: &str) -> Option<Arc<V>> {
        self.read().get(key).cloned()
    }

    /// Walks over the items after `after`, in order; all of them if it is `None`. The index is locked meanwhile: `walk`
    /// must be short.
    pub fn walk<R>(
        &self,
        after: Option<&str>,
        walk: impl FnOnce(&mut dyn Iterator<Item = (&str, &Arc<V>)>) -> R,
    ) -> R {
        let items = self.read();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = (start, Bound::Unbounded);
        let mut entries = items
            .range::<str, _>(range)
            .map(|(key, value)| (&**key, value));
        walk(&mut entries)
    }

    /// Whether that is a change.
    pub(super) fn insert(&self, key: Box<str>, value: V) -> bool
    where
        V: PartialEq,
    {
        let value = Arc::new(value);
        let old = self.write().insert(key, value.clone());
        old.is_none_or(|old| old != value)
    }

    /// Whether that is a change.
    pub(super) fn remove(&self, key: &str) -> bool {
        self.write().remove(key).is_some()
    }

    /// Replaces all items at once, so that nobody ever sees part of a list; the keys of those that are others now, or gone.
    pub(super) fn replace(&self, items: Items<V>) -> Vec<Box<str>>
    where
        V: PartialEq,
    {
        let old = std::mem::replace(&mut *self.write(), items);
        let new = self.read();
        let gone = old.keys().filter(|key| !new.contains_key(*key));
        let others = new
            .iter()
            .filter(|(key, value)| old.get(*key) != Some(value));
        gone.chain(others.map(|(key, _)| key)).cloned().collect()
    }

    // A panic while the lock was held leaves whole items behind: each change is one call.
    fn read(&self) -> RwLockReadGuard<'_, Items<V>> {
        self.items.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Items<V>> {
        self.items.write().unwrap_or_else(PoisonError::into_inner)
    }
}
