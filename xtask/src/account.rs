//! The single user of a demo, with a new random password at each start.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::data_dir::DataDir;

pub const USER: &str = "admin";
/// 32 unambiguous characters, so that five bits of a random byte select one uniformly.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const PASSWORD_LENGTH: usize = 20;

pub struct Account {
    pub password: String,
    pub users_file: PathBuf,
}

pub async fn create(aggregator: &Path, data: &DataDir) -> Result<Account> {
    let password = password()?;
    let users = users(&hash(aggregator, &password).await?);
    Ok(Account {
        password,
        users_file: data.write_private("users.json", &format!("{users:#}\n"))?,
    })
}

fn password() -> Result<String> {
    let mut random = [0; PASSWORD_LENGTH];
    getrandom::fill(&mut random)?;
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    Ok(random.iter().map(letter).collect())
}

fn users(password_hash: &str) -> Value {
    json!({ "users": { USER: {
        "password_hash": password_hash,
        "grants": [{ "role": "admin", "clusters": ["*"], "namespaces": ["*"] }],
    } } })
}

/// The password is passed on standard input: everyone on the machine can read a command line.
async fn hash(aggregator: &Path, password: &str) -> Result<String> {
    let mut child = Command::new(aggregator)
        .args(["user", "hash-password"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run the aggregator")?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    stdin.write_all(format!("{password}\n").as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let hash = String::from_utf8(output.stdout)?.trim().to_owned();
    ensure!(
        output.status.success() && hash.starts_with("$argon2id$"),
        "`aggregator user hash-password` gave no hash ({})",
        output.status
    );
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_differ_and_have_a_hundred_bits() {
        let (one, other) = (password().unwrap(), password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len() * 5, 100);
    }
}
