//! Heartbeats in, their answers out, and what is known of clusters kept in the KV bucket `clusters`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use async_nats::jetstream::Context;
use bus_schema::subject;
use bus_schema::{ClusterName, Heartbeat, HeartbeatAck, RollCall};
use tracing::{debug, info, warn};

use super::agent_messages::{AgentMessages, Kind};
use super::{Fleet, json, rate_limit};
use labels::{FleetLabels, LabelError, LabelPatch, Labels};
use registry::{Moment, Record};
use storage::{Bucket, BucketError, Entry, StoreError, WatchEvent};

/// A heartbeat is small; what is larger is none.
const HEARTBEAT_BYTES: usize = 16 * 1024;

/// To a roll call.
const ANSWERS_A_SECOND: u64 = 2000;

/// What is kept of clusters: the bucket `clusters`, and their labels.
#[derive(Debug, Clone)]
pub struct Clusters {
    records: Bucket<Record>,
    labels: Bucket<Labels>,
}

impl Clusters {
    /// Opens the buckets, makes them if there are none.
    ///
    /// # Errors
    /// When JetStream is away, or a bucket of that name is there with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        Ok(Self {
            records: Bucket::open(jetstream, replicas).await?,
            labels: Bucket::open(jetstream, replicas).await?,
        })
    }

    async fn keep(&self, cluster: &ClusterName, record: &Record) {
        if let Err(error) = self.records.put(cluster, record).await {
            let error = &error as &dyn std::error::Error;
            warn!(%cluster, error, "cannot persist a cluster's record");
        }
    }

    /// Their labels.
    pub(super) fn labels(&self) -> &Bucket<Labels> {
        &self.labels
    }

    /// Changes the labels of a cluster: those that it has then, and the revision of that.
    ///
    /// # Errors
    /// See [`LabelError`]: then nothing was changed.
    pub async fn patch_labels(
        &self,
        cluster: &ClusterName,
        patch: &LabelPatch,
    ) -> Result<(Labels, u64), LabelError> {
        let patched = |entry: Entry<Labels>| {
            let labels = entry.record_or_default().patched(patch)?;
            Ok((labels.clone(), labels))
        };
        self.labels.modify(cluster, patched).await
    }

    /// Forgets a cluster and its labels, for all replicas.
    ///
    /// # Errors
    /// When a bucket does not answer: it can be done again.
    pub async fn forget(&self, cluster: &ClusterName) -> Result<(), BucketError> {
        self.records.purge(cluster).await?;
        self.labels.purge(cluster).await.map(drop)
    }

    /// Puts every cluster that was kept into the fleet, with its labels. A record that cannot be read is skipped, see
    /// [`crate::records`]: the cluster will be heard again.
    ///
    /// # Errors
    /// When a bucket cannot be read.
    pub async fn restore(&self, fleet: &Fleet) -> Result<(), BucketError> {
        let mut labels = FleetLabels::default();
        for (cluster, entry) in self.labels.list().await? {
            labels.put(cluster, entry);
        }
        fleet.learn_labels(labels);
        for (cluster, entry) in self.records.list().await? {
            if let Ok(Some(record)) = entry.record {
                fleet.registry_mut().restore(cluster, record, Moment::now());
            }
        }
        Ok(())
    }
}

/// Forgets, for good, what another replica or a person at the command line has made the bucket forget, also while this one was cut off.
pub async fn follow_forgotten(fleet: Arc<Fleet>, clusters: Clusters) {
    let (mut kept, mut newest_deletion) = (HashMap::new(), 0);
    let forget = |cluster: ClusterName| {
        info!(%cluster, "forgotten");
        fleet.forget(&cluster);
        let fleet = Arc::clone(&fleet);
        tokio::spawn(async move { fleet.forget_kept(&cluster).await });
    };
    let on = |event| match event {
        // What was kept in the bucket before will be kept in this one as soon as it is heard.
        WatchEvent::Replaced => {
            kept.clear();
            newest_deletion = 0;
        }
        WatchEvent::Changed(cluster, entry) if entry.is_there() => {
            kept.insert(cluster, entry.revision);
        }
        WatchEvent::Changed(cluster, entry) => {
            kept.remove(&cluster);
            // After an interruption it comes once more, and the cluster may be heard again by then.
            if entry.revision > newest_deletion {
                newest_deletion = entry.revision;
                forget(cluster);
            }
        }
        WatchEvent::Synced(snapshot) => {
            let gone =
                |cluster: &ClusterName, revision: &mut u64| !snapshot.has(cluster, *revision);
            for (cluster, _) in kept.extract_if(gone) {
                forget(cluster);
            }
        }
    };
    clusters.records.watch().run(None, on).await;
}

/// Takes in heartbeats forever.
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
        warn!("cannot subscribe to heartbeats; retrying");
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
            debug!("cannot publish a roll call; waiting for heartbeats");
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
            received_at: self.journal.now(),
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
