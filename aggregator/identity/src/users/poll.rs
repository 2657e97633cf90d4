//! Detects changes of the file by comparing its content: a mounted ConfigMap or Secret changes by swapping links, which neither
//! modification times nor file notifications show reliably.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tracing::{error, info};

use super::{Directory, UsersError, document, shown};
use diagnostics::{AggregatorConditionType, Conditions};

const UNUSABLE: AggregatorConditionType = AggregatorConditionType::UsersFileUnusable;

const EVERY: Duration = Duration::from_secs(1);

/// No list of users is larger, but the file of a wrong path might be.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The last content that was read, to detect changes.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Content([u8; 32]),
    Unreadable(io::ErrorKind),
}

/// Reads the file once.
pub(super) async fn read(path: &Path) -> Result<(Directory, Seen), UsersError> {
    let (seen, text) = look(path).await;
    Ok((parsed(path, text)?, seen))
}

/// Publishes each valid version until there are no subscribers.
pub(super) async fn follow(
    path: PathBuf,
    mut seen: Seen,
    published: watch::Sender<Arc<Directory>>,
    conditions: Conditions,
) {
    loop {
        tokio::select! {
            () = published.closed() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let (now, text) = look(&path).await;
        if now == seen {
            continue;
        }
        seen = now;
        match parsed(&path, text) {
            Ok(directory) => {
                conditions.clear(UNUSABLE);
                publish(&path, directory, &published);
            }
            Err(refused) => {
                error!(
                    error = &refused as &dyn std::error::Error,
                    "the users file is not usable: users, passwords and grants stay unchanged, and removed users stay signed in until it is corrected"
                );
                conditions.raise(UNUSABLE, stale(&refused));
            }
        }
    }
}

/// The message for an administrator: the error, its effect, and what to do.
fn stale(refused: &UsersError) -> String {
    let cause = match refused {
        UsersError::NotRead { source, .. } => format!("{refused} ({source})"),
        _ => refused.to_string(),
    };
    format!(
        "{cause}; users, passwords and grants stay those of the last valid version, so removed users stay signed in; correct the file: \
         it is read again within a second"
    )
}

fn publish(path: &Path, directory: Directory, published: &watch::Sender<Arc<Directory>>) {
    let users = directory.len();
    published.send_replace(Arc::new(directory));
    info!(path = %path.display(), users, "the users file was reloaded");
}

async fn look(path: &Path) -> (Seen, io::Result<String>) {
    let text = load(path).await;
    let seen = match &text {
        Ok(text) => Seen::Content(Sha256::digest(text.as_bytes()).into()),
        Err(error) => Seen::Unreadable(error.kind()),
    };
    (seen, text)
}

fn parsed(path: &Path, text: io::Result<String>) -> Result<Directory, UsersError> {
    let text = text.map_err(|source| UsersError::NotRead {
        path: shown(path),
        source,
    })?;
    document::parse(&text).map_err(|source| UsersError::Refused {
        path: shown(path),
        source,
    })
}

async fn load(path: &Path) -> io::Result<String> {
    let file = tokio::fs::File::open(path).await?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text_input::decode(&bytes)?.to_owned())
}
