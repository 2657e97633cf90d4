//! The users in `users.json`, read again whenever the file changes. A file with an error changes nothing.

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
mod poll;
mod position;

pub use position::DocumentError;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name to sign in with.
    pub name: String,
    /// The hash of the password.
    pub password_hash: StoredHash,
    /// What the user may do.
    pub grants: Arc<[Grant]>,
}

impl User {
    /// What the user may do while clusters have these labels.
    #[must_use]
    pub fn grants_with(&self, labels: Arc<FleetLabels>) -> Grants {
        Grants::new(Arc::clone(&self.grants), labels)
    }
}

/// All users, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    users: BTreeMap<String, Arc<User>>,
}

impl Directory {
    /// The user with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<User>> {
        self.users.get(name).cloned()
    }

    /// The user with this name, if the password still has this fingerprint.
    #[must_use]
    pub fn find_with(&self, name: &str, fingerprint: &str) -> Option<Arc<User>> {
        self.find(name)
            .filter(|user| user.password_hash.fingerprint() == fingerprint)
    }

    /// A hash to check the password of an unknown user against. It costs as much as the hash of a known user, so that the response time does not
    /// reveal who exists.
    #[must_use]
    pub fn decoy(&self) -> StoredHash {
        StoredHash::decoy(self.users.values().next().map(|user| &user.password_hash))
    }

    /// Number of users.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It exists but cannot be read.
    #[error("{path} cannot be read")]
    NotRead {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It has an error.
    #[error("{path}: {source}")]
    Refused {
        /// The file.
        path: String,
        /// The position and the reason.
        source: DocumentError,
    },
    /// It was missing and cannot be created.
    #[error("{path} is missing and cannot be created")]
    NotMade {
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// The current [`Directory`]. Clones share it.
#[derive(Debug, Clone)]
pub struct Users {
    directory: watch::Receiver<Arc<Directory>>,
}

impl Users {
    /// Reads the file and watches it from then on, for as long as the value or a clone of it lives. If there is no file, creates one
    /// with one administrator and prints the password to standard error once.
    ///
    /// # Errors
    /// See [`UsersError`]. Later errors change nothing; they are logged, and are a condition until the file is corrected.
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

    /// All users, as of now.
    #[must_use]
    pub fn current(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.borrow())
    }

    /// All users, with a notification whenever they change.
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
