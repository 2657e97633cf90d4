//! Writes keys and other files that only their owner may read.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{DirectoryError, IDENTITY};
use crate::key::{Key, Secret};
use crate::mint::Identity;

/// Writes the files of one key directory.
pub(crate) struct KeyDirectoryWriter<'a> {
    dir: &'a Path,
}

impl<'a> KeyDirectoryWriter<'a> {
    pub fn new(dir: &'a Path) -> Result<Self, DirectoryError> {
        private_dir(dir)?;
        Ok(Self { dir })
    }

    pub fn secret(&self, name: &str, secret: &Secret) -> Result<(), DirectoryError> {
        private_file(&self.dir.join(name), secret.expose())
    }

    pub fn key(&self, name: &str, key: &Key) -> Result<(), DirectoryError> {
        self.secret(name, &Secret::new(format!("{}\n", key.seed().expose())))
    }

    pub fn text(&self, name: &str, text: &str) -> Result<(), DirectoryError> {
        private_file(&self.dir.join(name), text)
    }

    pub fn identity(&self, identity: &Identity) -> Result<(), DirectoryError> {
        let json = serde_json::to_string_pretty(identity).expect("it is plain data");
        self.text(IDENTITY, &format!("{json}\n"))
    }
}

fn private_dir(dir: &Path) -> Result<(), DirectoryError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| DirectoryError::NotWritten {
        path: dir.to_owned(),
        source,
    })
}

/// Atomically writes a file that only its owner can read, replacing an existing one: a concurrent reader gets the old content or
/// the new one.
///
/// # Errors
/// If its directory cannot be written.
pub fn replace_private_file(path: &Path, text: &str) -> Result<(), DirectoryError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // A leftover of a process that was killed at this point.
    drop(fs::remove_file(&beside));
    private_file(&beside, text)?;
    fs::rename(&beside, path).map_err(|source| DirectoryError::NotWritten {
        path: path.to_owned(),
        source,
    })
}

/// Writes a new file that only its owner can read.
///
/// # Errors
/// Also if it already exists.
pub fn private_file(path: &Path, text: &str) -> Result<(), DirectoryError> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| {
        let source = match source.kind() {
            ErrorKind::AlreadyExists => std::io::Error::new(
                ErrorKind::AlreadyExists,
                "it already exists and was not changed",
            ),
            _ => source,
        };
        DirectoryError::NotWritten {
            path: path.to_owned(),
            source,
        }
    })
}
