//! The mutations that a cluster is enrolled for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::verb::{Restart, VERBS};
use crate::{Access, Request, Verb};

/// A set of mutations. As text: their names, separated by commas. As JSON: a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct AllowedVerbs(BTreeSet<&'static str>);

/// A name that is not the name of a mutation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no verb that changes something: use {all}", all = AllowedVerbs::all())]
pub struct NotAMutation(String);

impl AllowedVerbs {
    /// Every mutation of the protocol.
    #[must_use]
    pub fn all() -> Self {
        Self(mutations().map(|verb| verb.name).collect())
    }

    /// No mutation at all: the cluster is read only.
    #[must_use]
    pub fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// Whether this verb is in the set.
    #[must_use]
    pub fn allows(&self, verb: &str) -> bool {
        self.0.contains(verb)
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied()
    }

    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, NotAMutation> {
        let name = |name: &str| {
            let found = mutations().find(|verb| verb.name == name);
            found.map_or_else(|| Err(NotAMutation(name.to_owned())), |verb| Ok(verb.name))
        };
        names.map(name).collect::<Result<_, _>>().map(Self)
    }
}

fn mutations() -> impl Iterator<Item = &'static Verb> {
    VERBS.iter().filter(|verb| verb.access == Access::Write)
}

impl Default for AllowedVerbs {
    /// Restarts alone.
    fn default() -> Self {
        Self(BTreeSet::from([Restart::VERB]))
    }
}

impl FromStr for AllowedVerbs {
    type Err = NotAMutation;

    fn from_str(text: &str) -> Result<Self, NotAMutation> {
        match text.trim() {
            "" => Ok(Self::none()),
            names => Self::of(names.split(',').map(str::trim)),
        }
    }
}

impl TryFrom<Vec<String>> for AllowedVerbs {
    type Error = NotAMutation;

    fn try_from(names: Vec<String>) -> Result<Self, NotAMutation> {
        Self::of(names.iter().map(String::as_str))
    }
}

impl fmt::Display for AllowedVerbs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.names();
        f.write_str(names.next().unwrap_or_default())?;
        names.try_for_each(|name| write!(f, ",{name}"))
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for AllowedVerbs {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Type};
        let verb = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(mutations().map(|verb| verb.name)));
        ArrayBuilder::new().items(verb).into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for AllowedVerbs {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_from_text_and_json_and_an_unknown_or_reading_verb_is_refused_by_name() {
        let set: AllowedVerbs = "resume, pause".parse().unwrap();
        assert_eq!(set.to_string(), "pause,resume");
        let json = serde_json::to_string(&set).unwrap();
        assert_eq!(json, r#"["pause","resume"]"#);
        assert_eq!(serde_json::from_str::<AllowedVerbs>(&json).unwrap(), set);
        assert_eq!("".parse::<AllowedVerbs>().unwrap(), AllowedVerbs::none());
        assert_eq!(AllowedVerbs::default().to_string(), "restart");
        for wrong in ["teleport", "rollout", "restart,", "Restart"] {
            let error = wrong.parse::<AllowedVerbs>().unwrap_err().to_string();
            assert!(
                error.contains("image,pause,restart,resume,scale,undo"),
                "{error}"
            );
        }
    }
}
