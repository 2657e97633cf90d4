//! Heartbeats in, their answers out, and what is known of clusters kept in the KV bucket `clusters`.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use async_nats::jetstream::kv::{self, Store};
use async_nats::jetstream::{Context, stream::StorageType};
use bus_schema::subject;
use bus_schema::{ClusterName, Heartbeat, HeartbeatAck, RollCall};
use futures::{StreamExt, TryStreamExt};
use tracing::{debug, info, warn};

use super::agent_messages::{AgentMessages, Kind};
use super::{Fleet, json, rate_limit};
use crate::enrolment::EnrolmentError;
use crate::labels::LabelStore;
use crate::records::{RecordError, parse_key, parse_value};
use crate::registry::{Moment, Record};
use crate::store::{self, StoreError};

/// A heartbeat is small; what is larger is none.
const HEARTBEAT_BYTES: usize = 16 * 1024;

/// To a roll call.
const ANSWERS_A_SECOND: u64 = 2000;

/// How long the bucket may take to forget.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(3);

/// What is kept of clusters: the bucket `clusters`, and their labels.
#[derive(Debug, Clone)]
pub struct Clusters {
    bucket: Store,
    labels: LabelStore,
}

impl Clusters {
    /// Opens the buckets, makes them if there are none.
    ///
    /// # Errors
    /// When JetStream is away, or a bucket of that name is there with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        let wanted = kv::Config {
            bucket: "clusters".to_owned(),
            description: "every cluster that was heard of".to_owned(),
            history: 5,
            storage: StorageType::File,
            num_replicas: replicas,
            ..kv::Config::default()
        };
        let bucket = store::open_kv(jetstream, wanted).await?;
        let labels = LabelStore::open(jetstream, replicas).await?;
        Ok(Self { bucket, labels })
    }

    async fn keep(&self, cluster: &ClusterName, record: &Record) {
        if let Err(error) = self.bucket.put(cluster.as_str(), json(record).into()).await {
            warn!(%cluster, %error, "a cluster's record was not kept");
        }
    }

    /// Their labels.
    pub(crate) fn labels(&self) -> &LabelStore {
        &self.labels
    }

    /// Forgets a cluster and its labels, for all replicas.
    pub(crate) async fn forget(&self, cluster: &ClusterName) -> Result<(), EnrolmentError> {
        let purged = store::purge(&self.bucket, cluster.as_str());
        match tokio::time::timeout(FORGOTTEN_WITHIN, purged).await {
            Ok(Ok(_)) => Ok(self.labels.forget(cluster).await?),
            Ok(Err(error)) => Err(EnrolmentError::BucketUnavailable(Some(error.into()))),
            Err(_) => Err(EnrolmentError::BucketUnavailable(None)),
        }
    }

    /// Reads a record of the bucket.
    pub(crate) fn parse(key: &str, value: &[u8]) -> Result<(ClusterName, Record), RecordError> {
        Ok((parse_key(key, "a cluster's name")?, parse_value(value)?))
    }

    /// Puts every cluster that was kept into the fleet, with its labels. A record that cannot be read is skipped, see
    /// [`crate::records`]: the cluster will be heard again.
    ///
    /// # Errors
    /// When the bucket cannot be read.
    pub async fn restore(&self, fleet: &Fleet) -> Result<(), StoreError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::NotOpened {
            name: "the bucket clusters".to_owned(),
            source,
        };
        let keys = self
            .bucket
            .keys()
            .await
            .map_err(|error| failed(error.into()))?;
        let keys: Vec<String> = keys
            .try_collect()
            .await
            .map_err(|error| failed(error.into()))?;
        let labels = self.labels.read().await;
        fleet.learn_labels(labels.map_err(|error| failed(error.into()))?);
        // A key that is no name may be one that the client refuses to get.
        let keys = keys
            .into_iter()
            .filter(|key| key.parse::<ClusterName>().is_ok());
        for key in keys {
            let kept = self
                .bucket
                .get(&key)
                .await
                .map_err(|error| failed(error.into()))?;
            let record = kept.map(|record| Self::parse(&key, &record));
            if let Some(Ok((cluster, record))) = record {
                fleet.registry_mut().restore(cluster, record, Moment::now());
            }
        }
        Ok(())
    }
}

/// Forgets, for ever, what another replica or a person at the command line has made the bucket forget.
pub async fn follow_forgotten(fleet: Arc<Fleet>, clusters: Clusters) {
    loop {
        if let Ok(mut changes) = clusters.bucket.watch_all().await {
            while let Some(Ok(change)) = changes.next().await {
                if change.operation == kv::Operation::Put {
                    continue;
                }
                if let Ok(cluster) = change.key.parse::<ClusterName>() {
                    info!(%cluster, "forgotten");
                    fleet.forget(&cluster);
                    fleet.forget_kept(&cluster).await;
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Takes in heartbeats for ever.
pub async fn listen(fleet: Arc<Fleet>, clusters: Clusters) {
    loop {
        let kind = Kind {
            bus: fleet.unasked.clone(),
            name: "heartbeats",
            pattern: subject::HEARTBEATS.to_owned(),
            queue: None,
            limit: rate_limit::HEARTBEATS,
        };
        if let Some(mut heartbeats) = AgentMessages::open(&fleet, kind).await {
            while let Some((from, message)) = heartbeats.next().await {
                fleet.take_in(&clusters, from.cluster(), &message).await;
            }
        }
        warn!("no heartbeats are received; trying again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

impl Fleet {
    /// Calls on all agents, so that they are known soon and not only at their next heartbeat.
    pub(super) async fn call_the_roll(&self) {
        let clusters = self.registry().names().count() as u64;
        let call = json(&RollCall {
            spread_milliseconds: clusters * 1000 / ANSWERS_A_SECOND,
        });
        // Behind the subscription to what it brings.
        if !self
            .unasked
            .publish(subject::ROLL_CALL.to_owned(), call.into())
            .await
        {
            debug!("the roll could not be called; heartbeats will tell");
        }
    }

    async fn take_in(&self, clusters: &Clusters, cluster: &ClusterName, message: &Message) {
        let now = Moment::now();
        let heartbeat = match read(message) {
            Ok(heartbeat) => heartbeat,
            Err(error) => {
                let what = "sent what is no heartbeat, or is larger than one";
                self.metrics.heard("refused");
                let error = error.as_ref().map(|error| error as _);
                self.misbehaves(cluster, what, error);
                return;
            }
        };
        self.metrics.heard("taken");
        let ack = HeartbeatAck {
            sequence: heartbeat.sequence,
            received_at: now.wall,
            every_seconds: Some(self.registry().pace().as_secs()),
        };
        // Not the message's own reply subject: an agent could name another cluster's there.
        let answer_to = subject::clock(cluster, &heartbeat.instance);
        self.bus.publish(answer_to, json(&ack).into()).await;
        let record = self.change(cluster, |registry, _| {
            registry.observe(cluster.clone(), heartbeat, now)
        });
        if let Some(record) = record {
            info!(%cluster, state = ?record.heartbeat.state, "heard");
            let (clusters, cluster) = (clusters.clone(), cluster.clone());
            tokio::spawn(async move { clusters.keep(&cluster, &record).await });
        }
    }
}

/// An error without a cause is too large a message.
fn read(message: &Message) -> Result<Heartbeat, Option<serde_json::Error>> {
    if message.payload.len() > HEARTBEAT_BYTES {
        return Err(None);
    }
    serde_json::from_slice(&message.payload).map_err(Some)
}
