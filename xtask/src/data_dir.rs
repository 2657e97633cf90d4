//! A demo's directory: one demo at a time, readable only by its owner.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates it if it does not exist, and removes the announcement of a previous demo.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path.join("logs")).with_context(|| format!("cannot make {shown}"))?;
        let lock = File::create(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another demo runs in {shown}: stop it, or give another directory with --data"
                )
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let data = Self {
            path: path.canonicalize()?,
            _lock: lock,
        };
        data.remove("demo.json")?;
        Ok(data)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// An empty log for a component.
    pub fn log(&self, part: &str) -> Result<PathBuf> {
        let log = self
            .path
            .join(format!("logs/{}.log", part.replace(' ', "-")));
        File::create(&log)?;
        Ok(log)
    }

    /// For files with a password or its hash. Written atomically.
    pub fn write_private(&self, name: &str, content: &str) -> Result<PathBuf> {
        let (file, staging) = (self.file(name), self.file(&format!(".{name}.new")));
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&staging)?.write_all(content.as_bytes())?;
        fs::rename(staging, &file)?;
        Ok(file)
    }

    /// Removes a file or a directory, if it exists.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.file(name);
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_second_demo_in_the_same_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        let refused = DataDir::open(dir.path()).err().unwrap().to_string();
        assert!(refused.contains("another demo runs"), "{refused}");
        drop(first);
        assert!(DataDir::open(dir.path()).is_ok());
    }

    #[test]
    fn private_files_are_for_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let file = data.write_private("secret", "s").unwrap();
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_to_string(file).unwrap(), "s");
    }
}
