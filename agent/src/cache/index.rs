//! Items by key, in the order of the keys; read by many, written by one watch.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Freshness;

/// What an item that takes the place of an older one keeps of it.
pub trait Inherit {
    /// Takes over what was learned of the older one in another way and still holds of this one.
    fn inherit(&mut self, _older: &Self) {}
}

type Items<V> = BTreeMap<Box<str>, Arc<V>>;

/// The items, and how far they can be trusted.
pub struct Index<V> {
    items: RwLock<Items<V>>,
    /// Another one after each change; moves while the items are locked for it.
    version: AtomicU64,
    /// How far the items can be trusted.
    pub freshness: Freshness,
}

impl<V> Default for Index<V> {
    fn default() -> Self {
        Self {
            items: RwLock::default(),
            version: AtomicU64::new(0),
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

    /// Another number after each change.
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

    /// Puts what `change` makes of an item in its place, if it makes anything of it; whether that is a change.
    pub(super) fn change(&self, key: &str, change: impl Fn(&V) -> Option<V>) -> bool
    where
        V: PartialEq,
    {
        // A write makes all that was derived from the items old.
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

    /// Replaces all items at once, so that nobody ever sees part of a list; the keys of those that are others now, or gone. Those that
    /// are not stay what they were, in memory too.
    pub(super) fn replace(&self, mut items: Items<V>) -> Vec<Box<str>>
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
        let gone = old.keys().filter(|key| !items.contains_key(*key));
        others.extend(gone.cloned());
        drop(old);
        *self.write() = items;
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
