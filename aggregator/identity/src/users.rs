//! The people of `users.json`, as they are now: read again whenever the file changes. A file with a mistake changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;

use crate::password::StoredHash;
use crate::{Grant, Grants};
use diagnostics::Conditions;
use labels::FleetLabels;

mod document;
mod first_start;
mod named;
mod place;
mod poll;

pub use named::NAME_CHARACTERS;
pub use place::DocumentError;

/// One person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// How the person signs in.
    pub name: String,
    /// What the password is checked against.
    pub password_hash: StoredHash,
    /// What the person may do.
    pub grants: Arc<[Grant]>,
}

impl User {
    /// What the person may do while clusters have these labels.
    #[must_use]
    pub fn grants_with(&self, labels: Arc<FleetLabels>) -> Grants {
        Grants::new(Arc::clone(&self.grants), labels)
    }
}

/// Everybody, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    users: BTreeMap<String, Arc<User>>,
}

impl Directory {
    /// The person of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<User>> {
        self.users.get(name).cloned()
    }

    /// The person of this name, if the password is still the one with this fingerprint.
    #[must_use]
    pub fn find_with(&self, name: &str, fingerprint: &str) -> Option<Arc<User>> {
        self.find(name)
            .filter(|user| user.password_hash.fingerprint() == fingerprint)
    }

    /// What to check the password of somebody unknown against. Costs what the hash of a user here costs, so that the time of an
    /// answer does not tell who exists.
    #[must_use]
    pub fn decoy(&self) -> StoredHash {
        StoredHash::decoy(self.users.values().next().map(|user| &user.password_hash))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It is there and cannot be read.
    #[error("{path} cannot be read")]
    NotRead {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It has a mistake.
    #[error("{path}: {source}")]
    Refused {
        /// The file.
        path: String,
        /// The place and the reason.
        source: DocumentError,
    },
    /// There was none, and none can be made.
    #[error("{path} is missing and cannot be made")]
    NotMade {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// The current [`Directory`], shared by all who ask.
#[derive(Debug, Clone)]
pub struct Users {
    directory: watch::Receiver<Arc<Directory>>,
}

impl Users {
    /// Reads the file and watches it from then on, for as long as the value or a clone of it lives. If there is no file, makes one
    /// with one administrator and prints the password to standard error, this once.
    ///
    /// # Errors
    /// See [`UsersError`]. Later mistakes leave everything as it was, are logged, and are a condition until the file is good again.
    pub async fn open(path: PathBuf, conditions: Conditions) -> Result<Self, UsersError> {
        Self::open_announcing(path, conditions, &mut std::io::stderr()).await
    }

    async fn open_announcing(
        path: PathBuf,
        conditions: Conditions,
        announcement: &mut (dyn std::io::Write + Send),
    ) -> Result<Self, UsersError> {
        if let Some(password) = first_start::make_if_missing(&path).await? {
            first_start::announce(&path, &password, announcement).map_err(|source| {
                UsersError::NotMade {
                    path: shown(&path),
                    source,
                }
            })?;
        }
        let (directory, seen) = poll::read(&path).await?;
        let (sender, receiver) = watch::channel(Arc::new(directory));
        tokio::spawn(poll::follow(path, seen, sender, conditions));
        Ok(Self {
            directory: receiver,
        })
    }

    /// Everybody, as of now.
    #[must_use]
    pub fn current(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.borrow())
    }

    /// Everybody, and a notice whenever that changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Directory>> {
        self.directory.clone()
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests;
