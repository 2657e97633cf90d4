//! Known answers, and the files on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bus_schema::ClusterName;
use jiff::SignedDuration;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::credentials::{Credentials, CredentialsError};
use crate::key::UserKey;
use crate::mint::Permit;
use crate::renew::{renew_aggregator, user_of};

mod directories;
mod tokens;

fn fixed() -> Bus {
    let mut byte = 10;
    let operator = [Key::fixed(Kind::Operator, 1), Key::fixed(Kind::Operator, 2)];
    Bus::of(operator, || {
        byte += 1;
        Key::fixed(Kind::Account, byte)
    })
}

fn time() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn later() -> Timestamp {
    time() + SignedDuration::from_hours(1)
}

fn system_token(bus: &Bus) -> Token {
    system_account(
        &bus.identity,
        &Revocations::new(),
        &bus.operator_signing,
        time(),
    )
}

fn settings(dir: &TempDir) -> ServerSettings {
    ServerSettings {
        listen: ([127, 0, 0, 1], 4222).into(),
        store: dir.path().join("a store"),
        tls: None,
        websocket: None,
        members: vec![],
    }
}

fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    serde_json::from_slice(&json.unwrap()).unwrap()
}

fn tree(dir: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        found.push((path.display().to_string(), mode));
        if path.is_dir() {
            found.extend(tree(&path));
        }
    }
    found.sort();
    found
}
