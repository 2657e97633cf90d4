//! The cached part of a namespace.

use jiff::Timestamp;

use super::Index;
use super::index::Inherit;
use crate::kubernetes::{IDENTITY_NAMESPACE, NamespaceObject, created_at, name_of};

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceEntry {
    /// `Active` or `Terminating`.
    pub phase: Box<str>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// Set only for the namespace whose uid identifies the cluster.
    pub uid: Option<Box<str>>,
}

impl Inherit for NamespaceEntry {}

pub fn to_entry(object: &NamespaceObject) -> Option<(Box<str>, NamespaceEntry)> {
    let name = name_of(&object.metadata);
    let phase = object.status.as_ref().map_or("", |s| s.phase.as_str());
    let uid = object.metadata.uid.as_deref();
    let entry = NamespaceEntry {
        phase: if phase.is_empty() { "Active" } else { phase }.into(),
        created_at: created_at(&object.metadata),
        uid: uid.filter(|_| name == IDENTITY_NAMESPACE).map(Into::into),
    };
    (!name.is_empty()).then(|| (name.into(), entry))
}

pub fn cluster_uid(namespaces: &Index<NamespaceEntry>) -> Option<String> {
    let identity = namespaces.get(IDENTITY_NAMESPACE)?;
    identity.uid.as_deref().map(str::to_owned)
}
