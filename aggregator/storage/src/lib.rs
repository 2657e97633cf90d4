//! Streams and buckets: created if they are missing, refused if they exist with other settings. They are never deleted or changed, since an
//! operator may have configured them on purpose.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::kv;
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use bus_keys::streams::{BucketSpec, StreamSpec};

mod bucket;
pub mod bus;
mod lease;
mod record;
mod record_error;
mod replay;
mod stream_levels;
mod watch;

pub use bucket::{Bucket, BucketError};
pub use lease::{HeldLease, Lease, Leased, Observed};
pub use record::{Entry, Record, RecordKey};
pub use record_error::{RecordError, parse_key, parse_value, shown};
pub use replay::{Replay, ReplayError};
pub use stream_levels::watch_stream_levels;
pub use watch::{Changes, Snapshot, Watch, WatchEvent};

/// How long a bucket keeps the marker of a deleted key, for replicas that are disconnected when it is deleted.
pub const MARKERS_LAST: Duration = Duration::from_secs(60 * 60);

/// A stream or bucket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// JetStream does not answer or refuses.
    #[error("{name} cannot be opened")]
    NotOpened {
        /// The stream.
        name: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It exists with other settings.
    #[error(
        "{name} exists with other settings: {difference}; change it with `nats stream edit`, or back it up and delete it"
    )]
    SettingsDiffer {
        /// The stream.
        name: String,
        /// Each setting, with its current and its required value.
        difference: String,
    },
}

/// Opens a stream, creating it if it is missing. `discard`: what happens to new messages when it is full.
///
/// # Errors
/// See [`StoreError`].
pub async fn open_stream(
    jetstream: &Context,
    spec: StreamSpec,
    discard: DiscardPolicy,
    replicas: usize,
) -> Result<Stream, StoreError> {
    let wanted = Config {
        name: spec.name.to_owned(),
        subjects: vec![spec.subjects.to_owned()],
        storage: StorageType::File,
        discard,
        max_bytes: spec.max_bytes,
        max_age: spec.max_age,
        // Only the credential of an administrator may purge. See `audit_admin`.
        deny_delete: true,
        allow_direct: true,
        num_replicas: replicas,
        ..Config::default()
    };
    // Boxed, here and below: the client's futures are so large that, nested in those of all callers, they overflow a thread's stack in an
    // unoptimised build.
    Box::pin(open_or_make_stream(jetstream, wanted)).await
}

async fn open_or_make_stream(jetstream: &Context, wanted: Config) -> Result<Stream, StoreError> {
    let name = wanted.name.clone();
    let not_opened = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::NotOpened {
        name: name.clone(),
        source,
    };
    let missing = match jetstream.get_stream(&name).await {
        Ok(stream) => return compared(stream, &wanted),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(cause)
                if cause.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                wanted
            }
            _ => return Err(not_opened(error.into())),
        },
    };
    // Another replica may create it at the same moment, which succeeds if the settings are the same.
    let made = jetstream.create_stream(&missing).await;
    made.map_err(|error| not_opened(error.into()))?;
    let stream = jetstream.get_stream(&name).await;
    stream.map_err(|error| not_opened(error.into()))
}

/// Opens a key-value bucket, creating it if it is missing.
async fn open_kv(
    jetstream: &Context,
    spec: BucketSpec,
    replicas: usize,
) -> Result<kv::Store, StoreError> {
    Box::pin(open_or_make_kv(jetstream, spec, replicas)).await
}

async fn open_or_make_kv(
    jetstream: &Context,
    spec: BucketSpec,
    replicas: usize,
) -> Result<kv::Store, StoreError> {
    let not_opened = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::NotOpened {
        name: format!("the bucket {}", spec.name),
        source,
    };
    let markers_last = match spec.max_age {
        Duration::ZERO => MARKERS_LAST,
        max_age => MARKERS_LAST.min(max_age),
    };
    let wanted = kv::Config {
        bucket: spec.name.to_owned(),
        description: spec.description.to_owned(),
        history: spec.history,
        max_age: spec.max_age,
        max_bytes: spec.max_bytes,
        storage: StorageType::File,
        num_replicas: replicas,
        // Without these, the marker of each deleted key would stay forever, and records would expire without a message.
        limit_markers: Some(markers_last),
        ..kv::Config::default()
    };
    let stream = Config {
        name: spec.stream(),
        max_messages_per_subject: spec.history,
        max_age: spec.max_age,
        max_bytes: spec.max_bytes,
        allow_message_ttl: true,
        storage: StorageType::File,
        num_replicas: replicas.max(1),
        ..Config::default()
    };
    match jetstream.get_stream(&stream.name).await {
        Ok(there) => drop(compared(there, &stream)?),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(cause)
                if cause.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                let made = jetstream.create_key_value(wanted).await;
                made.map_err(|error| not_opened(error.into()))?;
            }
            _ => return Err(not_opened(error.into())),
        },
    }
    let store = jetstream.get_key_value(spec.name).await;
    store.map_err(|error| not_opened(error.into()))
}

/// Whether a message of a bucket says that its key was deleted, purged or has expired, and so has no value.
#[must_use]
pub fn is_marker(headers: Option<&HeaderMap>) -> bool {
    headers.is_some_and(|headers| {
        headers.get("KV-Operation").is_some() || headers.get("Nats-Marker-Reason").is_some()
    })
}

fn compared(stream: Stream, wanted: &Config) -> Result<Stream, StoreError> {
    let difference = difference(&stream.cached_info().config, wanted);
    if difference.is_empty() {
        return Ok(stream);
    }
    Err(StoreError::SettingsDiffer {
        name: wanted.name.clone(),
        difference: difference.join(", "),
    })
}

/// The required settings that differ.
fn difference(there: &Config, wanted: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |setting: &str, there: String, wanted: String| {
        if there != wanted {
            found.push(format!("{setting} is {there} and should be {wanted}"));
        }
    };
    if !wanted.subjects.is_empty() {
        compare(
            "subjects",
            there.subjects.join(" "),
            wanted.subjects.join(" "),
        );
        compare(
            "deny_delete",
            there.deny_delete.to_string(),
            wanted.deny_delete.to_string(),
        );
        compare(
            "discard",
            format!("{:?}", there.discard),
            format!("{:?}", wanted.discard),
        );
    }
    // Operators may choose the limit, but a stream without one could starve the others.
    if there.max_bytes <= 0 {
        compare(
            "max_bytes",
            "unlimited".to_owned(),
            wanted.max_bytes.to_string(),
        );
    }
    compare(
        "allow_msg_ttl",
        there.allow_message_ttl.to_string(),
        wanted.allow_message_ttl.to_string(),
    );
    compare(
        "max_age",
        format!("{:?}", there.max_age),
        format!("{:?}", wanted.max_age),
    );
    compare(
        "storage",
        format!("{:?}", there.storage),
        format!("{:?}", wanted.storage),
    );
    compare(
        "replicas",
        there.num_replicas.to_string(),
        wanted.num_replicas.to_string(),
    );
    if wanted.max_messages_per_subject > 0 {
        compare(
            "history",
            there.max_messages_per_subject.to_string(),
            wanted.max_messages_per_subject.to_string(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_setting_and_both_values() {
        let wanted = Config {
            max_age: Duration::from_secs(60),
            max_bytes: 64,
            num_replicas: 1,
            ..Config::default()
        };
        let there = Config {
            max_age: Duration::from_secs(30),
            ..wanted.clone()
        };
        assert!(difference(&wanted, &wanted).is_empty());
        assert_eq!(
            difference(&there, &wanted),
            ["max_age is 30s and should be 60s"]
        );
    }

    #[test]
    fn a_stream_may_be_smaller_or_larger_but_not_unbounded() {
        let of = |max_bytes| Config {
            max_bytes,
            ..Config::default()
        };
        for there in [1, 100] {
            assert!(difference(&of(there), &of(64)).is_empty());
        }
        for there in [-1, 0] {
            assert_eq!(
                difference(&of(there), &of(64)),
                ["max_bytes is unlimited and should be 64"]
            );
        }
    }
}
