//! Parses `users.json`: everything in it is validated, and an error is reported with its position and reason, without ever repeating
//! a text that could be a password.

use std::collections::BTreeSet;
use std::sync::Arc;

use bus_schema::{Pattern, Right};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::named::{Entry, Named};
use super::position::{DocumentError, SourcePosition, refused};
use super::{Directory, User};
use crate::password::StoredHash;
use crate::prepared;
use crate::{BUILT_IN_ROLES, Grant, built_in};
use labels::ClusterSelector;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    users: Named<UserEntry<'a>>,
    #[serde(default)]
    roles: Named<RoleEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry<'a> {
    password_hash: StoredHash,
    #[serde(borrow)]
    grants: Vec<GrantEntry<'a>>,
}

impl Entry for UserEntry<'_> {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantEntry<'a> {
    /// The raw text, so that its position is still known when the roles, which may follow later, turn out not to have it.
    #[serde(borrow)]
    role: &'a RawValue,
    /// All clusters if absent and there are labels.
    #[serde(default)]
    clusters: Option<Vec<Pattern>>,
    #[serde(default, deserialize_with = "selector")]
    cluster_labels: Option<ClusterSelector>,
    namespaces: Vec<Pattern>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct RoleEntry(BTreeSet<Right>);

impl Entry for RoleEntry {
    /// Repeating a built-in role unchanged is allowed.
    fn check(&self, name: &str) -> Result<(), &'static str> {
        if built_in(name).is_some_and(|rights| rights != self.0) {
            return Err(
                "this is the name of a built-in role, whose rights cannot be changed; choose another name",
            );
        }
        Ok(())
    }
}

/// Parses the whole text or refuses all of it.
pub(super) fn parse(text: &str) -> Result<Directory, DocumentError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let document: Document = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| refused(&error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| refused(".", &error))?;
    let Document { users, roles } = document;
    let users = users.0.into_iter().map(|(name, entry)| {
        let grants = entry
            .grants
            .into_iter()
            .map(|entry| grant(text, &roles, entry));
        let user = User {
            name: name.clone(),
            password_hash: entry.password_hash,
            grants: grants.collect::<Result<_, _>>()?,
        };
        Ok((name, Arc::new(user)))
    });
    Ok(Directory {
        users: users.collect::<Result<_, _>>()?,
    })
}

/// A selector that must not be empty: an empty one would grant rights on every cluster that has labels.
fn selector<'de, D: Deserializer<'de>>(text: D) -> Result<Option<ClusterSelector>, D::Error> {
    let text = String::deserialize(text)?;
    if text.trim().is_empty() {
        return Err(de::Error::custom(
            "an empty selector; leave it out, or write one such as \"env=prod\"",
        ));
    }
    text.parse().map(Some).map_err(de::Error::custom)
}

fn grant(
    text: &str,
    roles: &Named<RoleEntry>,
    entry: GrantEntry<'_>,
) -> Result<Grant, DocumentError> {
    let position = SourcePosition::of(entry.role.get(), text);
    let Ok(role) = serde_json::from_str::<String>(entry.role.get()) else {
        return Err(position.because("a role is a string".to_owned()));
    };
    let role = prepared::name(&role).unwrap_or(role);
    let own = roles.0.get(&role).map(|entry| entry.0.clone());
    let Some(rights) = own.or_else(|| built_in(&role)) else {
        return Err(position.because(unknown(&role, roles)));
    };
    let clusters = match (entry.clusters, &entry.cluster_labels) {
        (Some(clusters), _) => clusters,
        (None, Some(_)) => vec![Pattern::all()],
        (None, None) => {
            let reason = "a grant needs \"clusters\", \"cluster_labels\" or both";
            return Err(position.because(reason.to_owned()));
        }
    };
    if clusters.is_empty() || entry.namespaces.is_empty() {
        let reason = "a grant without clusters or namespaces grants nothing; \"*\" stands for all";
        return Err(position.because(reason.to_owned()));
    }
    Ok(Grant {
        role,
        rights,
        clusters,
        cluster_labels: entry.cluster_labels,
        namespaces: entry.namespaces,
    })
}

fn unknown(role: &str, roles: &Named<RoleEntry>) -> String {
    let built_in = BUILT_IN_ROLES.iter().map(|(name, _)| *name);
    let known: Vec<&str> = built_in.chain(roles.0.keys().map(String::as_str)).collect();
    format!(
        "there is no role \"{}\", only {}",
        role.escape_default(),
        known.join(", ")
    )
}

#[cfg(test)]
mod tests;
