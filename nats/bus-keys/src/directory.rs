//! Key directories: one for each holder of keys, private to its owner. Existing files are never overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use crate::key::{Key, Kind};
use crate::mint::{AggregatorKeys, Identity, PeopleKeys};

mod writer;

pub(crate) use writer::KeyDirectoryWriter;
pub use writer::{private_file, replace_private_file};

/// A key directory cannot be created or used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// All keys exist.
    #[error(
        "{dir} already contains the keys of a bus, and nothing was changed: new keys would cut off everyone who uses the old ones. Give another directory"
    )]
    Complete {
        /// The directory.
        dir: PathBuf,
    },
    /// Some keys exist.
    #[error(
        "{dir} contains some keys of a bus but lacks {missing}: restore them from a backup, or empty the directory"
    )]
    Incomplete {
        /// The directory.
        dir: PathBuf,
        /// The files that are missing.
        missing: String,
    },
    /// A file or directory cannot be written.
    #[error("{path} cannot be written")]
    NotWritten {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    NotRead {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file has invalid content.
    #[error("{path} cannot be used")]
    NotUsable {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No certificates for the servers.
    #[error("cannot create certificates for the servers")]
    NoCertificates(#[from] rcgen::Error),
    /// A key does not belong to the bus.
    #[error("{path} is the key of another bus than the one in identity.json beside it")]
    OfAnotherBus {
        /// Which.
        path: PathBuf,
    },
    /// Two directories do not belong together.
    #[error("{one} and {other} contain the keys of two different buses")]
    OfTwoBuses {
        /// The one.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
}

/// A holder of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The operator of the bus: everything that creates other keys. Best kept offline.
    Operator,
    /// The nats-server: only public keys.
    Server,
    /// The aggregator.
    Aggregator,
}

const IDENTITY: &str = "identity.json";

/// The aggregator's credentials for the fleet's account.
pub(crate) const AGGREGATOR: &str = "aggregator.creds";

/// The aggregator's credentials for the system account.
pub(crate) const SYSTEM: &str = "system.creds";

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Operator, Self::Server, Self::Aggregator];

    /// Its directory below the one given to `aggregator bus init`.
    #[must_use]
    pub fn dir(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Server => "server",
            Self::Aggregator => "aggregator",
        }
    }

    pub(crate) fn files(self) -> &'static [&'static str] {
        match self {
            Self::Operator => &[
                IDENTITY,
                "operator.nk",
                "operator-signing.nk",
                "system-scope.nk",
                "aggregator-scope.nk",
                "agent-scope.nk",
                "cli-scope.nk",
                "admin-scope.nk",
            ],
            Self::Server => &["nats-server.conf", "bus.conf"],
            Self::Aggregator => &[
                IDENTITY,
                AGGREGATOR,
                SYSTEM,
                "operator-signing.nk",
                "agent-scope.nk",
            ],
        }
    }
}

/// Fails unless `dir` contains no keys.
pub(crate) fn ensure_free(dir: &Path) -> Result<(), DirectoryError> {
    let files = Role::ALL.iter().flat_map(|role| {
        let dirs = match role {
            Role::Server => server_dirs(dir),
            Role::Operator | Role::Aggregator => vec![role.dir().into()],
        };
        let files = |dir: PathBuf| role.files().iter().map(move |file| dir.join(file));
        dirs.into_iter().flat_map(files)
    });
    let (there, missing): (Vec<_>, Vec<_>) = files.partition(|file| dir.join(file).exists());
    if there.is_empty() {
        return Ok(());
    }
    let dir = dir.to_owned();
    Err(if missing.is_empty() {
        DirectoryError::Complete { dir }
    } else {
        let missing: Vec<_> = missing
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let missing = missing.join(", ");
        DirectoryError::Incomplete { dir, missing }
    })
}

/// One for each of several servers, or one.
fn server_dirs(dir: &Path) -> Vec<PathBuf> {
    let server = PathBuf::from(Role::Server.dir());
    let mut names = Vec::new();
    for entry in fs::read_dir(dir.join(&server))
        .into_iter()
        .flatten()
        .flatten()
    {
        if entry.path().is_dir() {
            names.push(server.join(entry.file_name()));
        }
    }
    if names.is_empty() {
        vec![server]
    } else {
        names
    }
}

impl AggregatorKeys {
    /// Reads the aggregator's directory.
    ///
    /// # Errors
    /// If a file is missing (the error names all missing files), or invalid.
    pub fn open(dir: &Path) -> Result<Self, DirectoryError> {
        ensure_complete(dir, Role::Aggregator)?;
        Self::open_signing_keys(dir)
    }

    /// Reads only the signing keys, for a process that never connects to the bus.
    ///
    /// # Errors
    /// If one of them is missing or invalid.
    pub fn open_signing_keys(dir: &Path) -> Result<Self, DirectoryError> {
        let identity = read_identity(dir)?;
        let public = &identity.operator_signing;
        Ok(Self {
            operator_signing: read_key(dir, "operator-signing.nk", Kind::Operator, public)?,
            agent_scope: scope_key(dir, "agent-scope.nk", &identity.agent_scope)?,
            identity,
        })
    }

    /// Reads which bus the directory belongs to. The signing keys may be absent.
    ///
    /// # Errors
    /// If that file is missing or invalid.
    pub fn open_identity(dir: &Path) -> Result<Identity, DirectoryError> {
        read_identity(dir)
    }

    /// The credentials of the aggregator for the fleet's account.
    #[must_use]
    pub fn aggregator_creds(dir: &Path) -> PathBuf {
        dir.join(AGGREGATOR)
    }

    /// The credentials of the aggregator for the system account.
    #[must_use]
    pub fn system_creds(dir: &Path) -> PathBuf {
        dir.join(SYSTEM)
    }
}

impl PeopleKeys {
    /// Reads the operator's directory; only three of its files are needed.
    ///
    /// # Errors
    /// If one of them is missing or invalid.
    pub fn open(dir: &Path) -> Result<Self, DirectoryError> {
        let identity = read_identity(dir)?;
        Ok(Self {
            cli_scope: scope_key(dir, "cli-scope.nk", &identity.cli_scope)?,
            admin_scope: scope_key(dir, "admin-scope.nk", &identity.admin_scope)?,
            identity,
        })
    }
}

fn ensure_complete(dir: &Path, role: Role) -> Result<(), DirectoryError> {
    let missing: Vec<_> = role
        .files()
        .iter()
        .filter(|file| !dir.join(file).exists())
        .copied()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(DirectoryError::Incomplete {
        dir: dir.to_owned(),
        missing: missing.join(", "),
    })
}

pub(crate) fn read(path: &Path) -> Result<String, DirectoryError> {
    text_input::read(path).map_err(|source| DirectoryError::NotRead {
        path: path.to_owned(),
        source,
    })
}

pub(crate) fn read_identity(dir: &Path) -> Result<Identity, DirectoryError> {
    let path = dir.join(IDENTITY);
    serde_json::from_str(&read(&path)?).map_err(|error| DirectoryError::NotUsable {
        path,
        source: error.into(),
    })
}

/// The key of one of the accounts' scopes.
pub(crate) fn scope_key(dir: &Path, file: &str, public: &str) -> Result<Key, DirectoryError> {
    read_key(dir, file, Kind::Account, public)
}

fn read_key(dir: &Path, file: &str, kind: Kind, public: &str) -> Result<Key, DirectoryError> {
    let path = dir.join(file);
    match Key::from_seed(kind, &read(&path)?) {
        Ok(key) if key.public() == public => Ok(key),
        Ok(_) => Err(DirectoryError::OfAnotherBus { path }),
        Err(error) => Err(DirectoryError::NotUsable {
            path,
            source: error.into(),
        }),
    }
}
