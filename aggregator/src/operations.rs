//! Writes that have been intended and are not settled yet, in the KV bucket `operations`. What stands there outlives whoever began
//! it: any replica settles it by reading the cluster back.

use std::time::Duration;

use async_nats::jetstream::kv::{self, Store};
use async_nats::jetstream::{Context, stream::StorageType};
use bus_schema::verb::RestartDeployment;
use bus_schema::{ClusterName, OperationId};
use futures::TryStreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::Entry;
use crate::records::{RecordError, parse_key, parse_value};
use crate::store::{self, StoreError};

/// A write that is under way, or whose outcome is not known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// Its id, also in the audit.
    pub id: OperationId,
    /// Where.
    pub cluster: ClusterName,
    /// What was ordered.
    pub order: Order,
    /// After this the agent does not carry it out.
    pub deadline: Timestamp,
    /// Its newest line in the audit.
    pub entry: Entry,
}

/// The writes that there are, so that one can be read back whoever began it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Order {
    /// See [`RestartDeployment`].
    Restart(RestartDeployment),
}

impl From<RestartDeployment> for Order {
    fn from(restart: RestartDeployment) -> Self {
        Self::Restart(restart)
    }
}

/// The bucket does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the bucket of operations does not answer")]
pub struct OperationsError(#[source] Option<Box<dyn std::error::Error + Send + Sync>>);

/// The bucket.
#[derive(Debug, Clone)]
pub struct Operations {
    bucket: Store,
}

/// How long the bucket may take to answer.
const WITHIN: Duration = Duration::from_secs(3);

impl Operations {
    /// Opens the bucket, makes it if there is none.
    ///
    /// # Errors
    /// When JetStream is away, or a bucket of that name is there with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        let wanted = kv::Config {
            bucket: "operations".to_owned(),
            description: "writes that are not settled yet".to_owned(),
            history: 1,
            // Whatever could not be settled in a week stays `unknown` in the audit.
            max_age: Duration::from_secs(7 * 24 * 60 * 60),
            storage: StorageType::File,
            num_replicas: replicas,
            ..kv::Config::default()
        };
        let bucket = store::open_kv(jetstream, wanted).await?;
        Ok(Self { bucket })
    }

    /// Keeps an operation, or its newer state.
    ///
    /// # Errors
    /// When the bucket does not answer in time.
    pub async fn keep(&self, operation: &Operation) -> Result<(), OperationsError> {
        let json =
            serde_json::to_vec(operation).map_err(|error| OperationsError(Some(error.into())))?;
        within(self.bucket.put(operation.id.as_str(), json.into()))
            .await
            .map(drop)
    }

    /// Forgets an operation that is settled.
    ///
    /// # Errors
    /// When the bucket does not answer in time.
    pub async fn close(&self, id: &OperationId) -> Result<(), OperationsError> {
        within(store::purge(&self.bucket, id.as_str()))
            .await
            .map(drop)
    }

    /// Reads a record of the bucket.
    pub(crate) fn parse(key: &str, value: &[u8]) -> Result<Operation, RecordError> {
        let id: OperationId = parse_key(key, "an operation's id")?;
        let operation: Operation = parse_value(value)?;
        match operation.id == id {
            true => Ok(operation),
            false => Err(RecordError::KeyMismatch),
        }
    }

    /// Every operation that is kept. A record that cannot be read is skipped; see [`crate::records`].
    ///
    /// # Errors
    /// When the bucket does not answer in time.
    pub async fn all(&self) -> Result<Vec<Operation>, OperationsError> {
        let keys = within(self.bucket.keys()).await?;
        let keys: Vec<String> = within(keys.try_collect()).await?;
        let mut operations = Vec::with_capacity(keys.len());
        // A key that is no id may be one that the client refuses to get.
        let keys = keys
            .into_iter()
            .filter(|key| key.parse::<OperationId>().is_ok());
        for key in keys {
            let Some(json) = within(self.bucket.get(&key)).await? else {
                continue;
            };
            operations.extend(Self::parse(&key, &json));
        }
        Ok(operations)
    }
}

async fn within<T, E>(act: impl Future<Output = Result<T, E>>) -> Result<T, OperationsError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match tokio::time::timeout(WITHIN, act).await {
        Ok(done) => done.map_err(|error| OperationsError(Some(error.into()))),
        Err(_) => Err(OperationsError(None)),
    }
}
