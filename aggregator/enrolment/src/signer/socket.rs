//! The socket file: accessible only to this user and its group from the moment it exists.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// The socket cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {path}")]
pub struct BindError {
    path: PathBuf,
    #[source]
    source: Error,
}

/// Replaces a leftover socket without a listener, but no other file.
pub(super) fn bind(path: &Path) -> std::result::Result<UnixListener, BindError> {
    let bound = refuse_occupied(path).and_then(|()| bind_private(path));
    bound.map_err(|source| BindError {
        path: path.to_owned(),
        source,
    })
}

fn refuse_occupied(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_) => return Err(Error::new(ErrorKind::AlreadyExists, "it is not a socket")),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::new(
            ErrorKind::AddrInUse,
            "another process listens there",
        )),
    }
}

/// A new socket gets its mode from the umask, so it is created in a directory that only this user can enter, and moved once its mode is set.
fn bind_private(path: &Path) -> Result<UnixListener> {
    let mut private = path.as_os_str().to_owned();
    private.push(".new");
    let private = PathBuf::from(private);
    let inner = private.join("s");
    // Left behind by a process that was killed at this point.
    drop(fs::remove_file(&inner));
    drop(fs::remove_dir(&private));
    DirBuilder::new().mode(0o700).create(&private)?;
    let listener = UnixListener::bind(&inner)?;
    fs::set_permissions(&inner, Permissions::from_mode(0o660))?;
    fs::rename(&inner, path)?;
    fs::remove_dir(&private)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[tokio::test]
    async fn a_socket_is_private_and_replaces_one_that_nobody_listens_on() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("signer.sock");
        let first = bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        let live = bind(&path).unwrap_err().source;
        assert_eq!(live.kind(), ErrorKind::AddrInUse);
        drop(first);
        fs::create_dir(dir.path().join("signer.sock.new")).unwrap();
        let _second = bind(&path).unwrap();
        UnixStream::connect(&path).unwrap();
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_as_it_is() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "text").unwrap();
        let refused = bind(&path).unwrap_err().source;
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }
}
