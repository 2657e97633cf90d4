//! `agent keygen`: creates a private key that never leaves the cluster, and the request for its token.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use bus_keys::{CredentialRequest, Key, Kind, private_file};
use bus_schema::ClusterName;

/// Writes a new private key to a new file, and the request for the cluster's credential to standard output.
///
/// # Errors
/// If the file already exists or cannot be written.
pub fn keygen(file: &Path, cluster: &ClusterName) -> Result<()> {
    let key = Key::generate(Kind::User);
    private_file(file, key.seed().expose())?;
    let request = CredentialRequest::sign(&key, cluster.as_str());
    Ok(writeln!(std::io::stdout(), "{request}")?)
}
