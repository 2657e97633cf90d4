//! A start without a users file: creates one administrator with a random password, which is shown once and stored only as a hash.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{UsersError, shown};
use crate::password::{Password, hash};

/// 144 bits in 24 characters: it cannot be guessed, and fits on a line.
const PASSWORD_BYTES: usize = 18;

const USER: &str = "admin";

/// Creates the file if it is missing, and returns the password in it.
pub(super) async fn make_if_missing(path: &Path) -> Result<Option<Password>, UsersError> {
    let file = path.to_owned();
    let made = tokio::task::spawn_blocking(move || make(&file)).await;
    let made = made.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    made.map_err(|source| UsersError::NotMade {
        path: shown(path),
        source,
    })
}

fn make(path: &Path) -> io::Result<Option<Password>> {
    // A dangling link counts as existing: it is an error in the mount, which a newly created user would hide.
    if path.symlink_metadata().is_ok() {
        return Ok(None);
    }
    let password = Password::from(URL_SAFE_NO_PAD.encode(random::<PASSWORD_BYTES>()?));
    let hash = hash(&password).map_err(|error| io::Error::other(error.to_string()))?;
    let document = serde_json::json!({ "users": { USER: {
        "password_hash": hash.expose(),
        "grants": [{ "role": "admin", "clusters": ["*"], "namespaces": ["*"] }],
    } } });
    match write_new(path, &format!("{document:#}\n")) {
        Ok(()) => Ok(Some(password)),
        // Another replica on the same volume was faster: its file is used.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates the file atomically, and never replaces an existing one.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let draft = draft_beside(path)?;
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::hard_link(&draft, path)
    })();
    // If it was not created, there is nothing to remove.
    let _ = std::fs::remove_file(&draft);
    written
}

fn draft_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}", URL_SAFE_NO_PAD.encode(random::<9>()?)));
    Ok(path.with_file_name(draft))
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// Shows the password once.
pub(super) fn announce(
    path: &Path,
    password: &Password,
    output: &mut (dyn Write + Send),
) -> io::Result<()> {
    let file = path.display();
    let password = password.expose();
    write!(
        output,
        "\n{file} was missing. It was made with one user, who may do everything:\n\n    \
         user      {USER}\n    password  {password}\n\n\
         The password is shown only this once, and stored nowhere in plain text.\n\n"
    )?;
    output.flush()
}
