//! Every stream and bucket that the aggregator has on the bus, with its limits. The permissions of the aggregator's credential are made
//! from this list, so one that is not in it cannot be opened.
//!
//! The nats-server reserves `max_bytes` when a stream is made, so that none can starve another: together they fit into
//! `max_file_store` of `nats/nats-server.conf`.

use std::time::Duration;

const MIB: i64 = 1024 * 1024;

const DAY: Duration = Duration::from_hours(24);

/// A stream of lines that are never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSpec {
    /// Its name.
    pub name: &'static str,
    /// What is published to it.
    pub subjects: &'static str,
    /// How old a line may become.
    pub max_age: Duration,
    /// The most bytes that it may take.
    pub max_bytes: i64,
}

/// A key-value bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketSpec {
    /// Its name; that of its stream is `KV_<name>`.
    pub name: &'static str,
    /// What it holds, for people.
    pub description: &'static str,
    /// How many values of a key are kept.
    pub history: i64,
    /// How old a value may become; zero: it does not expire.
    pub max_age: Duration,
    /// The most bytes that it may take.
    pub max_bytes: i64,
}

impl BucketSpec {
    /// The name of its stream.
    #[must_use]
    pub fn stream(&self) -> String {
        format!("KV_{}", self.name)
    }
}

/// The audit.
pub const AUDIT: StreamSpec = StreamSpec {
    name: "AUDIT",
    subjects: "audit.>",
    max_age: DAY.saturating_mul(400),
    max_bytes: 1024 * MIB,
};

/// Refused sign-ins: strangers may fill it, and it drops what is oldest.
pub const AUDIT_REFUSED: StreamSpec = StreamSpec {
    name: "AUDIT_REFUSED",
    subjects: "audit-refused.>",
    max_age: DAY.saturating_mul(400),
    max_bytes: 64 * MIB,
};

/// By name, each cluster that was heard of.
pub const CLUSTERS: BucketSpec = BucketSpec {
    name: "clusters",
    description: "every known cluster",
    history: 5,
    max_age: Duration::ZERO,
    max_bytes: 128 * MIB,
};

/// By cluster, the public keys of its agents; and a list of the revoked ones. Five versions of a list that is as large as a message may
/// be: 64 MiB are enough for the 8 MB of `max_payload` that NATS advises against exceeding.
pub const CREDENTIALS: BucketSpec = BucketSpec {
    name: "credentials",
    description: "the public keys of enrolled agents, and the revoked ones",
    history: 5,
    max_age: Duration::ZERO,
    max_bytes: 64 * MIB,
};

/// By the hash of a user and an idempotency key, each change that was made under one, with its response. A full bucket refuses such
/// changes; at 1 kB each it takes 65,000 in a day.
pub const IDEMPOTENCY: BucketSpec = BucketSpec {
    name: "idempotency",
    description: "changes made under an idempotency key, with their responses",
    history: 1,
    max_age: DAY,
    max_bytes: 64 * MIB,
};

/// By cluster, what it last said of its deployments. 10,000 clusters with 100 deployments each fill a third of it.
pub const INVENTORY: BucketSpec = BucketSpec {
    name: "inventory",
    description: "the last known deployments of each cluster",
    history: 1,
    max_age: Duration::ZERO,
    max_bytes: 512 * MIB,
};

/// By the hash of its token, each one-time link that joins a cluster. They expire after a time to copy one and to find the cluster's
/// terminal, and are not for a later day.
pub const INVITATIONS: BucketSpec = BucketSpec {
    name: "invitations",
    description: "one-time links that join a cluster, by the hashes of their tokens",
    history: 1,
    max_age: Duration::from_mins(15),
    max_bytes: 16 * MIB,
};

/// By cluster, its labels.
pub const LABELS: BucketSpec = BucketSpec {
    name: "labels",
    description: "the labels of clusters",
    history: 5,
    max_age: Duration::ZERO,
    max_bytes: 16 * MIB,
};

/// By id, each write whose outcome is not in the audit yet. What could not be reconciled in a week stays `unknown` there.
pub const OPERATIONS: BucketSpec = BucketSpec {
    name: "operations",
    description: "writes whose outcome is not known yet",
    history: 1,
    max_age: DAY.saturating_mul(7),
    max_bytes: 64 * MIB,
};

/// By id, each run of a change over many workloads: its header, its plan, and a record for each workload that was begun. A run of 10,000
/// workloads takes some 6 MB. Those that have ended are kept for a month.
pub const RUNS: BucketSpec = BucketSpec {
    name: "runs",
    description: "changes of many workloads at once",
    history: 1,
    max_age: DAY.saturating_mul(30),
    max_bytes: 256 * MIB,
};

/// By the hash of its token, each session. They last a working day with its breaks, and never over night.
pub const SESSIONS: BucketSpec = BucketSpec {
    name: "sessions",
    description: "who is signed in",
    history: 1,
    max_age: Duration::from_hours(12),
    max_bytes: 64 * MIB,
};

/// All streams but those of the buckets.
pub const STREAMS: [StreamSpec; 2] = [AUDIT, AUDIT_REFUSED];

/// All buckets.
pub const BUCKETS: [BucketSpec; 9] = [
    CLUSTERS,
    CREDENTIALS,
    IDEMPOTENCY,
    INVENTORY,
    INVITATIONS,
    LABELS,
    OPERATIONS,
    RUNS,
    SESSIONS,
];
