//! The bucket `credentials`: one record per cluster with the public keys of its credentials, and one record with all revoked keys. It
//! never contains private keys.

use async_nats::jetstream::Context;
use bus_keys::{Revocations, UserKey};
use bus_schema::ClusterName;
use jiff::Timestamp;

use super::credential::is_over;
use super::{AccountUsage, ClusterCredentials, EnrolmentError, Invitation};
use storage::{Bucket, Entry, Record, RecordKey, StoreError, shown};

mod ends;
mod records;

pub use records::{RevocationsKey, check, emptied};

use records::{ClusterRecord, Key, RevocationRecord};

/// Upper bound for the headers of a write, in bytes.
const HEADERS: usize = 256;

#[derive(Debug, Clone)]
pub(super) struct Issued {
    clusters: Bucket<ClusterRecord>,
    revocations: Bucket<RevocationRecord>,
}

impl Issued {
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        let clusters = Bucket::open(jetstream, replicas).await?;
        let revocations = clusters.with_records();
        Ok(Self {
            clusters,
            revocations,
        })
    }

    pub async fn of(&self, cluster: &ClusterName) -> Result<Vec<UserKey>, EnrolmentError> {
        let entry = read(&self.clusters, cluster).await?;
        Ok(entry.keys.into_iter().map(|key| key.public_key).collect())
    }

    pub async fn add(
        &self,
        cluster: &ClusterName,
        public_key: &UserKey,
        by: &str,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<(), EnrolmentError> {
        let key = Key {
            public_key: public_key.clone(),
            issued_at: now,
            issued_by: by.to_owned(),
            expires_at: Some(expires_at),
        };
        self.change(cluster, |entry| entry.add(cluster, key.clone()))
            .await
    }

    /// The same for an invitation, if it belongs to the cluster's current generation.
    pub async fn add_invited(
        &self,
        invitation: &Invitation,
        public_key: &UserKey,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<(), EnrolmentError> {
        let key = Key {
            public_key: public_key.clone(),
            issued_at: now,
            issued_by: invitation.by.clone(),
            expires_at: Some(expires_at),
        };
        let cluster = &invitation.cluster;
        self.change(cluster, |entry| {
            if entry.generation != invitation.generation {
                return Err(EnrolmentError::InvitationUnknown);
            }
            entry.add(cluster, key.clone())
        })
        .await
    }

    /// Records an invitation, and returns the generation in which it is valid.
    pub async fn invite(
        &self,
        cluster: &ClusterName,
        until: Timestamp,
    ) -> Result<u64, EnrolmentError> {
        self.change(cluster, |entry| {
            entry.invited_until = Some(until);
            Ok(entry.generation)
        })
        .await
    }

    /// How many times the whole cluster was revoked.
    pub async fn generation(&self, cluster: &ClusterName) -> Result<u64, EnrolmentError> {
        let entry = read(&self.clusters, cluster).await?;
        Ok(entry.generation)
    }

    /// One credential of a cluster.
    pub async fn one(
        &self,
        cluster: &ClusterName,
        key: &UserKey,
    ) -> Result<ClusterCredentials, EnrolmentError> {
        if !self.of(cluster).await?.contains(key) {
            let cluster = cluster.clone();
            return Err(EnrolmentError::CredentialUnknown { cluster });
        }
        Ok(ClusterCredentials {
            keys: vec![key.clone()],
            invited: false,
        })
    }

    /// Ends all invitations of a cluster, and returns its credentials as they were before. Writes nothing if it has neither.
    pub async fn end_invitations(
        &self,
        cluster: &ClusterName,
    ) -> Result<ClusterCredentials, EnrolmentError> {
        let entry = read(&self.clusters, cluster).await?;
        let credentials = entry.credentials(Timestamp::now());
        if credentials.keys.is_empty() && !credentials.invited {
            return Ok(credentials);
        }
        self.change(cluster, |entry| {
            let credentials = entry.credentials(Timestamp::now());
            entry.generation += 1;
            entry.invited_until = None;
            Ok(credentials)
        })
        .await
    }

    pub async fn remove(
        &self,
        cluster: &ClusterName,
        removed: &[UserKey],
    ) -> Result<(), EnrolmentError> {
        self.change(cluster, |entry| {
            entry.keys.retain(|key| !removed.contains(&key.public_key));
            Ok(())
        })
        .await
    }

    /// The cluster that a key was issued to, as far as the records can be read.
    pub async fn holder(&self, key: &UserKey) -> Result<Option<ClusterName>, EnrolmentError> {
        let clusters = self.clusters.list().await?.into_iter();
        let holds = |entry: Entry<ClusterRecord>| {
            let keys = entry.record_or_default().keys;
            keys.iter().any(|issued| issued.public_key == *key)
        };
        let mut holders = clusters.filter(|(_, entry)| holds(entry.clone()));
        Ok(holders.next().map(|(cluster, _)| cluster))
    }

    pub async fn revoked(&self) -> Result<Revocations, EnrolmentError> {
        let RevocationRecord(list) = read(&self.revocations, &RevocationsKey).await?;
        Ok(list)
    }

    /// Records that these keys are revoked, and until when the revocation must be stored. A record that cannot be read is replaced by the
    /// `known` revocations, if they are given.
    pub async fn record_revoked(
        &self,
        keys: &[(UserKey, Timestamp)],
        known: Option<&Revocations>,
    ) -> Result<(), EnrolmentError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.change_revocations(known, |entry| {
            for (key, until) in keys {
                let before = entry.entry(key.clone()).or_insert(*until);
                *before = (*before).max(*until);
            }
            Ok(())
        })
        .await
    }

    /// Removes revocations whose time is over.
    pub async fn prune(&self, now: Timestamp) -> Result<(), EnrolmentError> {
        self.change_revocations(None, |entry| {
            entry.retain(|_, until| !is_over(*until, now));
            Ok(())
        })
        .await
    }

    /// Refuses a list that would be larger than a message.
    fn fits(&self, list: &Revocations) -> Result<(), EnrolmentError> {
        let bytes = serde_json::to_vec(list).map_or(0, |json| json.len());
        let limit = self.revocations.max_payload();
        if bytes + HEADERS <= limit {
            return Ok(());
        }
        Err(EnrolmentError::RevocationNotRecorded(AccountUsage {
            revocations: list.len(),
            bytes,
            limit,
        }))
    }

    async fn change<R>(
        &self,
        cluster: &ClusterName,
        change: impl Fn(&mut ClusterRecord) -> Result<R, EnrolmentError>,
    ) -> Result<R, EnrolmentError> {
        let changed = self.clusters.modify(cluster, |entry| {
            let mut record = readable(cluster, entry)?;
            let result = change(&mut record)?;
            Ok::<_, EnrolmentError>((record, result))
        });
        changed.await.map(|(result, _)| result)
    }

    /// Changes the list of revoked credentials; one that cannot be read is replaced by `instead`, if that is given.
    async fn change_revocations(
        &self,
        instead: Option<&Revocations>,
        change: impl Fn(&mut Revocations) -> Result<(), EnrolmentError>,
    ) -> Result<(), EnrolmentError> {
        let changed = self.revocations.modify(&RevocationsKey, |entry| {
            let mut record = match (&entry.record, instead) {
                (Err(_), Some(instead)) => RevocationRecord(instead.clone()),
                _ => readable(&RevocationsKey, entry)?,
            };
            change(&mut record.0)?;
            self.fits(&record.0)?;
            Ok::<_, EnrolmentError>((record, ()))
        });
        changed.await.map(|((), _)| ())
    }
}

async fn read<T: Record + Default>(bucket: &Bucket<T>, key: &T::Key) -> Result<T, EnrolmentError> {
    readable(key, bucket.get(key).await?)
}

fn readable<T: Record + Default>(key: &T::Key, entry: Entry<T>) -> Result<T, EnrolmentError> {
    match entry.record {
        Ok(record) => Ok(record.unwrap_or_default()),
        Err(error) => Err(EnrolmentError::RecordUnreadable {
            record: shown(T::BUCKET.name, key.as_str()),
            error,
        }),
    }
}
