//! One stored object: its JSON, and the metadata that lists and watches need. Storing JSON instead of the typed value makes lists a
//! concatenation and lets a hundred thousand deployments fit in memory.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::kind::{Kind, Resource};

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Empty for kinds without namespaces.
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl Key {
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    pub fn of<T: Resource>(object: &T) -> Self {
        let meta = object.metadata();
        Self::new(
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
        )
    }
}

#[derive(Debug)]
pub struct Object {
    pub kind: Kind,
    pub key: Key,
    pub revision: u64,
    pub labels: Box<[(Box<str>, Box<str>)]>,
    pub owner: Option<Owner>,
    pub json: Bytes,
}

/// The controlling owner, which for the kinds here is in the same namespace.
#[derive(Clone, Debug)]
pub struct Owner {
    /// `None` if this API does not serve the owner's kind.
    pub kind: Option<Kind>,
    pub uid: Arc<str>,
    pub name: Arc<str>,
}

impl Object {
    pub fn new<T: Resource>(object: &T, revision: u64) -> Self {
        let meta = object.metadata();
        let labels = meta.labels.iter().flatten();
        let owners = meta.owner_references.iter().flatten();
        Self {
            kind: T::TYPE,
            key: Key::of(object),
            revision,
            labels: labels
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
            owner: owners
                .filter(|owner| owner.controller == Some(true))
                .map(|owner| Owner {
                    kind: Kind::named(&owner.kind),
                    uid: owner.uid.as_str().into(),
                    name: owner.name.as_str().into(),
                })
                .next(),
            json: encode(object),
        }
    }

    pub fn decode<T: Resource>(&self) -> T {
        serde_json::from_slice(&self.json).expect("the store holds what it encoded itself")
    }

    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.json).expect("the store holds what it encoded itself")
    }

    pub fn owner_key(&self) -> Option<(Kind, Key)> {
        let owner = self.owner.as_ref()?;
        let (namespace, name) = (self.key.namespace.clone(), owner.name.clone());
        Some((owner.kind?, Key { namespace, name }))
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(k, _)| &**k == key);
        found.map(|(_, value)| &**value)
    }

    /// The object as an item of a typed list, where `apiVersion` and `kind` are left out.
    pub fn list_item(&self) -> &[u8] {
        let head = format!(
            r#"{{"apiVersion":"{}","kind":"{}","#,
            self.kind.api_version(),
            self.kind.name()
        );
        debug_assert!(self.json.starts_with(head.as_bytes()));
        &self.json[head.len()..]
    }

    /// A deleted object is last sent with the version of its deletion.
    pub fn at_revision(&self, revision: u64) -> Self {
        let mut value = self.value();
        value["metadata"]["resourceVersion"] = revision.to_string().into();
        let json = serde_json::to_vec(&value).expect("a JSON value can be written");
        Self {
            kind: self.kind,
            key: self.key.clone(),
            revision,
            labels: self.labels.clone(),
            owner: self.owner.clone(),
            json: json.into(),
        }
    }
}

pub fn encode<T: Resource>(object: &T) -> Bytes {
    let json = serde_json::to_vec(object).expect("a typed object can be written as JSON");
    // `Bytes::from` keeps the spare capacity of a vector; there may be a hundred thousand of these.
    Bytes::from(json.into_boxed_slice())
}
