//! The demo's agents are enrolled like any cluster's: the agent's private key never leaves it, and the aggregator signs the token.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bus_keys::private_file;
use tokio::process::Command;

use xtask::data_dir::DataDir;
use xtask::session::Session;

/// The directory of the credentials of the demo's agents.
pub const DIR: &str = "agents";

/// The files with which an agent is started.
pub struct Joined {
    pub token: PathBuf,
    pub seed: PathBuf,
}

/// Enrolls a cluster; a credential from an earlier run is revoked first.
pub async fn join(
    agent: &Path,
    cluster: &str,
    session: &Session,
    data: &DataDir,
) -> Result<Joined> {
    let dir = data.file(DIR);
    fs::create_dir_all(&dir)?;
    let file = |kind: &str| dir.join(format!("{cluster}.{kind}"));
    let (public, joined) = (
        file("pub"),
        Joined {
            token: file("jwt"),
            seed: file("nk"),
        },
    );
    if let Ok(earlier) = fs::read_to_string(&public) {
        session.revoke(cluster, &earlier).await?;
    }
    for old in [&public, &joined.token, &joined.seed] {
        if old.exists() {
            fs::remove_file(old)?;
        }
    }
    let request = keygen(agent, &joined.seed, cluster).await?;
    let enrolled = session.enroll(cluster, &request).await?;
    private_file(&public, &enrolled.public_key)?;
    private_file(&joined.token, &enrolled.jwt)?;
    Ok(joined)
}

async fn keygen(agent: &Path, seed: &Path, cluster: &str) -> Result<String> {
    let mut keygen = Command::new(agent);
    let output = keygen.arg("keygen").arg(seed).arg(cluster).output().await;
    let output = output.context("cannot run the agent")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "agent keygen failed: {said}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
