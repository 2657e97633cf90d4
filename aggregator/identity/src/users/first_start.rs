//! A start without any users: one administrator is made, with a password of its own that is shown once and kept nowhere.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{UsersError, shown};
use crate::password::{Password, hash};

/// 144 bits in 24 characters: nothing that could be guessed, and it fits on a line.
const PASSWORD_BYTES: usize = 18;

const USER: &str = "admin";

/// Makes the file if there is none, and says the password that it was made with.
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
    // A link that leads nowhere is there too: it is a mistake in the mount, and a user made beside it would hide that.
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
        // Another replica on the same volume was faster: its user counts.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file appears as a whole or not at all, and never in the place of one that is there.
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
    // If it was not made, there is nothing to remove.
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

/// Shows the password, this once.
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
