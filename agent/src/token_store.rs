//! Where a renewed token is kept over a restart. It is no secret: who shows it must hold the private key as well, which stays where it is.

use std::path::PathBuf;
use std::time::Duration;

use bus_keys::{DirectoryError, replace_private_file};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;

use crate::kubernetes::{CallError, ask};

const WITHIN: Duration = Duration::from_secs(10);

/// The key of the ConfigMap under which the token stands.
const KEY: &str = "token";

/// Where the token is written.
#[derive(Clone)]
pub enum TokenStore {
    /// The file in which it is read.
    File(PathBuf),
    /// A ConfigMap of the agent's own namespace, which is mounted where it is read.
    ConfigMap {
        /// Those of its namespace.
        maps: Box<Api<ConfigMap>>,
        /// Its name.
        name: String,
    },
}

/// Why a token is not kept.
#[derive(Debug, thiserror::Error)]
pub enum TokenStoreError {
    /// The file cannot be written.
    #[error("the file cannot be written")]
    NotWritten(#[from] DirectoryError),
    /// The ConfigMap cannot be patched.
    #[error("the ConfigMap {url}/{name} cannot be patched")]
    NotPatched {
        /// Where those of its namespace are.
        url: String,
        /// Its name.
        name: String,
        /// Why not.
        #[source]
        source: CallError,
    },
}

impl TokenStore {
    /// Keeps the token in the place of the one before.
    ///
    /// # Errors
    /// See [`TokenStoreError`].
    pub async fn keep(&self, token: &str) -> Result<(), TokenStoreError> {
        match self {
            Self::File(path) => Ok(replace_private_file(path, &format!("{token}\n"))?),
            Self::ConfigMap { maps, name } => {
                let patch = Patch::Merge(json!({ "data": { KEY: token } }));
                let options = PatchParams::default();
                let patched = ask(Instant::now() + WITHIN, || {
                    maps.patch(name, &options, &patch)
                });
                let patched = patched.await.map(drop);
                patched.map_err(|source| TokenStoreError::NotPatched {
                    url: maps.resource_url().to_owned(),
                    name: name.clone(),
                    source,
                })
            }
        }
    }
}
