//! Items ordered by key; many readers, one watch that writes.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What an item inherits from the older one that it replaces.
pub trait Inherit {
    /// Takes over what was learned about the older item from another source and is still valid.
    fn inherit(&mut self, _older: &Self) {}
}

type Items<V> = BTreeMap<Box<str>, Arc<V>>;

/// The items.
pub struct Index<V> {
    items: RwLock<Items<V>>,
    /// Incremented on each change, while the items are locked.
    version: AtomicU64,
}

impl<V> Default for Index<V> {
    fn default() -> Self {
        Self {
            items: RwLock::default(),
            version: AtomicU64::new(0),
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

    /// Iterates over the items after `after`, in order; over all of them if it is `None`. The index is locked meanwhile: `walk` must be
    /// short.
    pub fn walk<R>(
        &self,
        after: Option<&str>,
        walk: impl for<'a> FnOnce(&mut dyn Iterator<Item = (&'a str, &'a Arc<V>)>) -> R,
    ) -> R {
        let items = self.read();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = (start, Bound::Unbounded);
        let mut entries = items
            .range::<str, _>(range)
            .map(|(key, value)| (&**key, value));
        walk(&mut entries)
    }

    /// A number that differs after each change.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether that is a change.
    pub(super) fn insert(&self, key: Box<str>, mut value: V) -> bool
    where
        V: PartialEq + Inherit,
    {
        let mut items = self.write();
        let old = items.get(&key).cloned();
        if let Some(old) = &old {
            value.inherit(old);
        }
        let value = Arc::new(value);
        items.insert(key, value.clone());
        old.is_none_or(|old| old != value)
    }

    /// Replaces an item by the result of `change`, if there is one; returns whether that is a change.
    pub(super) fn change(&self, key: &str, change: impl Fn(&V) -> Option<V>) -> bool
    where
        V: PartialEq,
    {
        // A write invalidates everything derived from the items.
        if self.get(key).is_none_or(|old| change(&old).is_none()) {
            return false;
        }
        let mut items = self.write();
        let Some(item) = items.get_mut(key) else {
            return false;
        };
        let Some(value) = change(item) else {
            return false;
        };
        let changes = **item != value;
        *item = Arc::new(value);
        changes
    }

    /// Whether that is a change.
    pub(super) fn remove(&self, key: &str) -> bool {
        self.write().remove(key).is_some()
    }

    /// Replaces all items whose key belongs to a part at once, so that no reader sees a partial list; returns the keys of items that
    /// changed or are gone. Unchanged items keep their allocation.
    pub(super) fn replace(
        &self,
        belongs: impl Fn(&str) -> bool,
        mut items: Items<V>,
    ) -> Vec<Box<str>>
    where
        V: PartialEq + Inherit,
    {
        let mut others = Vec::new();
        let old = self.read();
        for (key, value) in &mut items {
            let known = old.get(key);
            if let (Some(known), Some(value)) = (known, Arc::get_mut(value)) {
                value.inherit(known);
            }
            match known {
                Some(known) if known == value => *value = known.clone(),
                _ => others.push(key.clone()),
            }
        }
        let gone = old.keys();
        let gone = gone.filter(|key| belongs(key) && !items.contains_key(*key));
        others.extend(gone.cloned());
        drop(old);
        let mut all = self.write();
        all.retain(|key, _| !belongs(key));
        all.append(&mut items);
        others
    }

    fn read(&self) -> RwLockReadGuard<'_, Items<V>> {
        self.items.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Items<V>> {
        let items = self.items.write();
        self.version.fetch_add(1, Ordering::Release);
        items
    }
}
