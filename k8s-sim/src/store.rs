//! The object store: every object as serialised JSON under one global resource version, and a journal of changes. Knows nothing of
//! HTTP, controllers or time.

mod journal;
mod object;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use tokio::sync::watch;

use crate::kind::{Kind, Resource};
pub use journal::{Change, ChangeKind, Journal};
pub use object::{Key, Object};

type Objects = BTreeMap<Key, Arc<Object>>;

pub struct Store {
    revision: u64,
    objects: [Objects; Kind::ALL.len()],
    dependents: HashMap<Arc<str>, BTreeSet<(Kind, Key)>>,
    journal: Journal,
    head: watch::Sender<u64>,
}

impl Store {
    pub fn new(history: usize) -> Self {
        Self {
            revision: 1,
            objects: Default::default(),
            dependents: HashMap::new(),
            journal: Journal::new(history),
            head: watch::Sender::new(1),
        }
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Publishes the latest resource version to waiting watches.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Compacts the history: a watch from an earlier version gets 410.
    pub fn compact(&mut self) {
        self.revision += 1;
        self.journal.clear(self.revision);
        self.head.send_replace(self.revision);
    }

    pub fn get(&self, kind: Kind, key: &Key) -> Option<&Arc<Object>> {
        self.objects[kind.index()].get(key)
    }

    pub fn read<T: Resource>(&self, key: &Key) -> Option<T> {
        self.get(T::TYPE, key).map(|object| object.decode())
    }

    /// All objects of a kind, in the order of their keys; of one namespace where it is given.
    pub fn list<'a>(
        &'a self,
        kind: Kind,
        namespace: Option<&'a str>,
    ) -> Box<dyn Iterator<Item = &'a Arc<Object>> + 'a> {
        let objects = &self.objects[kind.index()];
        match namespace {
            None => Box::new(objects.values()),
            Some(namespace) => Box::new(
                objects
                    .range((Bound::Included(Key::new(namespace, "")), Bound::Unbounded))
                    .take_while(move |(key, _)| &*key.namespace == namespace)
                    .map(|(_, object)| object),
            ),
        }
    }

    /// The kind's objects as they were at `revision`, or `None` when the journal does not reach back so far.
    pub fn list_at(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        revision: u64,
    ) -> Option<Vec<Arc<Object>>> {
        let mut then: BTreeMap<&Key, Option<&Arc<Object>>> = BTreeMap::new();
        for change in self.journal.after(revision)? {
            let here = namespace.is_none_or(|n| n == &*change.object.key.namespace);
            if change.object.kind == kind && here {
                then.entry(&change.object.key)
                    .or_insert(change.before.as_ref());
            }
        }
        if then.is_empty() {
            return Some(self.list(kind, namespace).cloned().collect());
        }
        let mut objects: BTreeMap<&Key, &Arc<Object>> = self
            .list(kind, namespace)
            .map(|object| (&object.key, object))
            .collect();
        for (key, before) in then {
            match before {
                Some(object) => objects.insert(key, object),
                None => objects.remove(key),
            };
        }
        Some(objects.into_values().cloned().collect())
    }

    /// The objects of a kind that are controlled by the owner with this uid.
    pub fn owned<T: Resource>(&self, owner: &str) -> Vec<T> {
        self.dependents(owner)
            .filter(|(kind, _)| *kind == T::TYPE)
            .filter_map(|(_, key)| self.read(key))
            .collect()
    }

    pub fn dependents(&self, owner: &str) -> impl Iterator<Item = &(Kind, Key)> {
        self.dependents.get(owner).into_iter().flatten()
    }

    /// Stores the object under the next resource version; `None` if nothing changed. The rest of the metadata is stored as given.
    pub fn put<T: Resource>(&mut self, mut object: T) -> Option<Arc<Object>> {
        let before = self.get(T::TYPE, &Key::of(&object)).cloned();
        let meta = object.metadata_mut();
        meta.resource_version = before.as_ref().map(|b| b.revision.to_string());
        if let Some(before) = &before
            && *before.json == *object::encode(&object)
        {
            return None;
        }
        self.revision += 1;
        object.metadata_mut().resource_version = Some(self.revision.to_string());
        let object = Arc::new(Object::new(&object, self.revision));
        self.insert(object.clone(), before.as_deref());
        self.journal.push(Change {
            revision: self.revision,
            kind: match before {
                None => ChangeKind::Added,
                Some(_) => ChangeKind::Modified,
            },
            object: object.clone(),
            before,
        });
        self.head.send_replace(self.revision);
        Some(object)
    }

    /// Adds an object that has existed since `revision` but was dormant until now: no change is recorded.
    pub fn insert_dormant<T: Resource>(&mut self, mut object: T, revision: u64) {
        object.metadata_mut().resource_version = Some(revision.to_string());
        self.insert(Arc::new(Object::new(&object, revision)), None);
    }

    /// Reserves `count` resource versions for [`Store::insert_dormant`] and returns the first.
    pub fn reserve(&mut self, count: u64) -> u64 {
        let first = self.revision + 1;
        self.revision += count;
        self.head.send_replace(self.revision);
        first
    }

    pub fn remove(&mut self, kind: Kind, key: &Key) -> Option<Arc<Object>> {
        let before = self.objects[kind.index()].remove(key)?;
        self.forget_owner(&before);
        self.revision += 1;
        let last = Arc::new(before.at_revision(self.revision));
        self.journal.push(Change {
            revision: self.revision,
            kind: ChangeKind::Deleted,
            object: last.clone(),
            before: Some(before),
        });
        self.head.send_replace(self.revision);
        Some(last)
    }

    fn insert(&mut self, object: Arc<Object>, before: Option<&Object>) {
        if let Some(before) = before {
            self.forget_owner(before);
        }
        if let Some(owner) = &object.owner {
            let dependents = self.dependents.entry(owner.uid.clone()).or_default();
            dependents.insert((object.kind, object.key.clone()));
        }
        self.objects[object.kind.index()].insert(object.key.clone(), object);
    }

    fn forget_owner(&mut self, object: &Object) {
        let Some(owner) = &object.owner else { return };
        if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
            dependents.remove(&(object.kind, object.key.clone()));
            if dependents.is_empty() {
                self.dependents.remove(&owner.uid);
            }
        }
    }
}
