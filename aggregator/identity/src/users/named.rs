//! A JSON object whose keys are unique names. JSON libraries silently drop one of two equal keys: here that would be a password or a right
//! that is in the file but not in force.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use crate::prepared::{self, NAME_CHARACTERS};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// The value of a name.
pub(super) trait Entry {
    /// Whether it is valid for this name. Checked while the text is parsed, so that the error has a position.
    fn check(&self, _name: &str) -> Result<(), &'static str> {
        Ok(())
    }
}

pub(super) struct Named<V>(pub BTreeMap<String, V>);

impl<V> Default for Named<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de> + Entry> Deserialize<'de> for Named<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de> + Entry> Visitor<'de> for Entries<V> {
    type Value = Named<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let name = prepared::name(&name).map_err(|error| {
                A::Error::custom(format_args!(
                    "a name has 1 to {NAME_CHARACTERS} characters without blanks: {error}"
                ))
            })?;
            if entries.contains_key(&name) {
                return Err(A::Error::custom(format_args!("\"{name}\" appears twice")));
            }
            let entry: V = map.next_value()?;
            entry.check(&name).map_err(A::Error::custom)?;
            entries.insert(name, entry);
        }
        Ok(Named(entries))
    }
}
