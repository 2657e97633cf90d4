//! The records of the bucket `credentials`.

use std::str::FromStr;
use std::time::Duration;

use bus_keys::streams::{BucketSpec, CREDENTIALS};
use bus_keys::{Revocations, UserKey};
use bus_schema::ClusterName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storage::{Record, RecordError, RecordKey};

use crate::system::WITHIN;
use crate::{CREDENTIALS_PER_CLUSTER, ClusterCredentials, EnrolmentError};

/// Not a valid cluster name, so it cannot collide with one.
const REVOCATIONS: &str = "_revoked-until";

impl Record for ClusterRecord {
    const BUCKET: BucketSpec = CREDENTIALS;
    type Key = ClusterName;
    const KEY: &'static str = "a cluster's name";
    const WITHIN: Duration = WITHIN;
}

/// The list of revoked credentials in the bucket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct RevocationRecord(pub(super) Revocations);

impl Record for RevocationRecord {
    const BUCKET: BucketSpec = CREDENTIALS;
    type Key = RevocationsKey;
    const KEY: &'static str = "the key of the revoked credentials";
    const WITHIN: Duration = WITHIN;
}

/// The key of the list of revoked credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RevocationsKey;

impl RecordKey for RevocationsKey {
    fn as_str(&self) -> &str {
        REVOCATIONS
    }
}

impl FromStr for RevocationsKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        (text == REVOCATIONS).then_some(Self).ok_or(())
    }
}

/// The record of a cluster.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ClusterRecord {
    pub(super) keys: Vec<Key>,
    /// How many times the whole cluster was revoked: invitations of earlier generations are void.
    #[serde(default)]
    pub(super) generation: u64,
    /// When the last invitation of this generation expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invited_until: Option<Timestamp>,
}

impl ClusterRecord {
    pub(super) fn credentials(&self, now: Timestamp) -> ClusterCredentials {
        ClusterCredentials {
            keys: self.keys.iter().map(|key| key.public_key.clone()).collect(),
            invited: self.invited_until.is_some_and(|until| until > now),
        }
    }

    pub(super) fn add(
        &mut self,
        cluster: &ClusterName,
        mut added: Key,
    ) -> Result<(), EnrolmentError> {
        let mut keys = self.keys.iter();
        if let Some(before) = keys.find(|key| key.public_key == added.public_key) {
            // An older token for the same key stays valid too.
            let ends = before.expires_at.zip(added.expires_at);
            added.expires_at = ends.map(|(before, added)| before.max(added));
        }
        self.keys.retain(|key| key.public_key != added.public_key);
        if self.keys.len() >= CREDENTIALS_PER_CLUSTER {
            let keys = self.keys.iter().map(|key| key.public_key.as_str());
            return Err(EnrolmentError::TooManyCredentials {
                cluster: cluster.clone(),
                keys: keys.collect::<Vec<_>>().join(", "),
            });
        }
        self.keys.push(added);
        Ok(())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) public_key: UserKey,
    pub(super) issued_at: Timestamp,
    pub(super) issued_by: String,
    /// When the last token for it expires; absent if one never expires.
    #[serde(default)]
    pub(super) expires_at: Option<Timestamp>,
}

/// Whether a record of the bucket can be read.
pub fn check(key: &str, value: &[u8]) -> Result<(), RecordError> {
    match key {
        REVOCATIONS => RevocationRecord::parse(key, value).map(drop),
        _ => ClusterRecord::parse(key, value).map(drop),
    }
}

/// The replacement for a cluster's record that cannot be read: no keys, and a generation without invitations, so that no ended invitation
/// becomes valid again. `None` if the record only needs to be deleted.
pub fn emptied(key: &str) -> Option<Vec<u8>> {
    let _: ClusterName = key.parse().ok()?;
    let entry = ClusterRecord {
        generation: Timestamp::now().as_second().unsigned_abs(),
        ..ClusterRecord::default()
    };
    serde_json::to_vec(&entry).ok()
}
