//! Stores a renewed token across restarts. The token is not a secret: it is useless without the private key, which is not moved.

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

/// The key of the ConfigMap that contains the token.
const KEY: &str = "token";

/// Where the token is written.
#[derive(Clone)]
pub enum TokenStore {
    /// The file from which it is read.
    File(PathBuf),
    /// A ConfigMap of the agent's own namespace, mounted where the token is read.
    ConfigMap {
        /// The API of its namespace's ConfigMaps.
        maps: Box<Api<ConfigMap>>,
        /// Its name.
        name: String,
    },
}

/// Why a token cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum TokenStoreError {
    /// The file cannot be written.
    #[error("the file cannot be written")]
    NotWritten(#[from] DirectoryError),
    /// The ConfigMap cannot be patched.
    #[error("the ConfigMap {url}/{name} cannot be patched")]
    NotPatched {
        /// The API path of its namespace's ConfigMaps.
        url: String,
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: CallError,
    },
}

impl TokenStore {
    /// Replaces the stored token.
    ///
    /// # Errors
    /// See [`TokenStoreError`].
    pub async fn store(&self, token: &str) -> Result<(), TokenStoreError> {
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
