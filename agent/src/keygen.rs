//! `agent keygen`: a private key that never leaves the cluster; its public key is what the cluster is let in with.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use bus_keys::{Key, Kind, private_file};

/// Writes a new private key to a new file, and its public key to standard output.
///
/// # Errors
/// When the file is there already or cannot be written.
pub fn keygen(file: &Path) -> Result<()> {
    let key = Key::generate(Kind::User);
    private_file(file, key.seed().expose())?;
    Ok(writeln!(std::io::stdout(), "{}", key.public())?)
}
