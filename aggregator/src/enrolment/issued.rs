//! The bucket `credentials`: under each cluster's name the public keys that were let in, and under one of its own those that are
//! locked out. No private key ever stands there.

use async_nats::jetstream::kv::{self, Store};
use async_nats::jetstream::{Context, stream::StorageType};
use bus_keys::{Revocations, UserKey};
use bus_schema::ClusterName;
use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{
    AccountUsage, CREDENTIALS_PER_CLUSTER, EnrolmentError, Invitation, LetIn, WITHIN, is_over,
    within,
};
use crate::records::{RecordError, parse_key, parse_value, shown};
use crate::store::{self, StoreError};

mod ends;

const BUCKET: &str = "credentials";

/// No cluster has a name like this.
const LOCKED_OUT: &str = "_revoked-until";

/// More than the headers of a write take.
const HEADERS: usize = 256;

/// Others may change the same entry at the same moment.
const TRIES: usize = 10;

#[derive(Debug, Clone)]
pub(super) struct Issued {
    bucket: Store,
    client: async_nats::Client,
}

/// What stands under a cluster's name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct OfCluster {
    keys: Vec<Key>,
    /// How often all of it was locked out: an invitation of an earlier generation is not good any more.
    #[serde(default)]
    generation: u64,
    /// Until when the last invitation of this generation is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invited_until: Option<Timestamp>,
}

impl OfCluster {
    fn let_in(&self, now: Timestamp) -> LetIn {
        LetIn {
            keys: self.keys.iter().map(|key| key.public_key.clone()).collect(),
            invited: self.invited_until.is_some_and(|until| until > now),
        }
    }

    fn add(&mut self, cluster: &ClusterName, mut added: Key) -> Result<(), EnrolmentError> {
        let mut keys = self.keys.iter();
        if let Some(before) = keys.find(|key| key.public_key == added.public_key) {
            // An older token for the same key counts as well.
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
struct Key {
    public_key: UserKey,
    issued_at: Timestamp,
    issued_by: String,
    /// When the last token for it expires; absent: one has no end.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// Whether a record of the bucket can be read.
pub fn check(key: &str, value: &[u8]) -> Result<(), RecordError> {
    if key == LOCKED_OUT {
        return parse_value::<Revocations>(value).map(drop);
    }
    let _: ClusterName = parse_key(key, "a cluster's name")?;
    parse_value::<OfCluster>(value).map(drop)
}

/// What is put in the place of a cluster's record that cannot be read: no key, and a generation that no invitation is of, so that none
/// which was ended is good again. `None` where the record need only be deleted.
pub fn emptied(key: &str) -> Option<Vec<u8>> {
    let _: ClusterName = key.parse().ok()?;
    let entry = OfCluster {
        generation: Timestamp::now().as_second().unsigned_abs(),
        ..OfCluster::default()
    };
    serde_json::to_vec(&entry).ok()
}

impl Issued {
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        let wanted = kv::Config {
            bucket: BUCKET.to_owned(),
            description: "who was let onto the bus, and who is locked out".to_owned(),
            history: 5,
            storage: StorageType::File,
            num_replicas: replicas,
            ..kv::Config::default()
        };
        let bucket = store::open_kv(jetstream, wanted).await?;
        let client = jetstream.client();
        Ok(Self { bucket, client })
    }

    pub async fn of(&self, cluster: &ClusterName) -> Result<Vec<UserKey>, EnrolmentError> {
        let (_, entry) = self.read::<OfCluster>(cluster.as_str()).await?;
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
        self.change(cluster.as_str(), |entry: &mut OfCluster| {
            entry.add(cluster, key.clone())
        })
        .await
    }

    /// The same in the name of an invitation, if it is of the cluster's present generation.
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
        self.change(cluster.as_str(), |entry: &mut OfCluster| {
            if entry.generation != invitation.generation {
                return Err(EnrolmentError::InvitationUnknown);
            }
            entry.add(cluster, key.clone())
        })
        .await
    }

    /// Notes an invitation: the generation that it is good for.
    pub async fn invite(
        &self,
        cluster: &ClusterName,
        until: Timestamp,
    ) -> Result<u64, EnrolmentError> {
        self.change(cluster.as_str(), |entry: &mut OfCluster| {
            entry.invited_until = Some(until);
            Ok(entry.generation)
        })
        .await
    }

    /// How often all of a cluster was locked out.
    pub async fn generation(&self, cluster: &ClusterName) -> Result<u64, EnrolmentError> {
        let (_, entry) = self.read::<OfCluster>(cluster.as_str()).await?;
        Ok(entry.generation)
    }

    /// One credential of a cluster, if it has it.
    pub async fn one(&self, cluster: &ClusterName, key: &UserKey) -> Result<LetIn, EnrolmentError> {
        if !self.of(cluster).await?.contains(key) {
            let cluster = cluster.clone();
            return Err(EnrolmentError::CredentialUnknown { cluster });
        }
        Ok(LetIn {
            keys: vec![key.clone()],
            invited: false,
        })
    }

    /// Ends all invitations of a cluster: what it can join with, as it was before. Nothing is written if that is nothing.
    pub async fn end_invitations(&self, cluster: &ClusterName) -> Result<LetIn, EnrolmentError> {
        let (_, entry) = self.read::<OfCluster>(cluster.as_str()).await?;
        let let_in = entry.let_in(Timestamp::now());
        if let_in.keys.is_empty() && !let_in.invited {
            return Ok(let_in);
        }
        self.change(cluster.as_str(), |entry: &mut OfCluster| {
            let let_in = entry.let_in(Timestamp::now());
            entry.generation += 1;
            entry.invited_until = None;
            Ok(let_in)
        })
        .await
    }

    pub async fn remove(
        &self,
        cluster: &ClusterName,
        removed: &[UserKey],
    ) -> Result<(), EnrolmentError> {
        self.change(cluster.as_str(), |entry: &mut OfCluster| {
            entry.keys.retain(|key| !removed.contains(&key.public_key));
            Ok(())
        })
        .await
    }

    /// The cluster that a key was issued to, as far as the records can be read.
    pub async fn holder(&self, key: &UserKey) -> Result<Option<ClusterName>, EnrolmentError> {
        let names = within(self.bucket.keys()).await?;
        let names: Vec<String> = within(names.try_collect()).await?;
        for name in names.iter().filter_map(|name| name.parse().ok()) {
            match self.of(&name).await {
                Ok(keys) if keys.contains(key) => return Ok(Some(name)),
                Ok(_) | Err(EnrolmentError::RecordUnreadable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    pub async fn locked_out(&self) -> Result<Revocations, EnrolmentError> {
        Ok(self.read::<Revocations>(LOCKED_OUT).await?.1)
    }

    /// Records that these keys are locked out, and until when that must be remembered. A record that cannot be read is replaced by those
    /// who are `known` to be locked out, if they are given.
    pub async fn lock_out(
        &self,
        keys: &[(UserKey, Timestamp)],
        known: Option<&Revocations>,
    ) -> Result<(), EnrolmentError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.change_or(LOCKED_OUT, known, |entry: &mut Revocations| {
            for (key, until) in keys {
                let before = entry.entry(key.clone()).or_insert(*until);
                *before = (*before).max(*until);
            }
            Ok(())
        })
        .await
    }

    /// Forgets the keys whose time is over.
    pub async fn prune(&self, now: Timestamp) -> Result<(), EnrolmentError> {
        self.change(LOCKED_OUT, |entry: &mut Revocations| {
            entry.retain(|_, until| !is_over(*until, now));
            Ok(())
        })
        .await
    }

    /// One list alone can become larger than a message.
    fn fits(&self, key: &str, json: &[u8]) -> Result<(), EnrolmentError> {
        let limit = self.client.max_payload();
        if key != LOCKED_OUT || json.len() + HEADERS <= limit {
            return Ok(());
        }
        Err(EnrolmentError::RevocationNotRecorded(AccountUsage {
            revocations: serde_json::from_slice::<Revocations>(json).map_or(0, |list| list.len()),
            bytes: json.len(),
            limit,
        }))
    }

    async fn read<T: DeserializeOwned + Default>(
        &self,
        key: &str,
    ) -> Result<(u64, T), EnrolmentError> {
        let Some(entry) = within(self.bucket.entry(key)).await? else {
            return Ok((0, T::default()));
        };
        if entry.operation != kv::Operation::Put {
            return Ok((entry.revision, T::default()));
        }
        let revision = entry.revision;
        match parse_value(&entry.value) {
            Ok(value) => Ok((revision, value)),
            Err(error) => Err(EnrolmentError::RecordUnreadable {
                record: shown(BUCKET, key),
                revision,
                error,
            }),
        }
    }

    async fn change<T: Clone + Serialize + DeserializeOwned + Default, R>(
        &self,
        key: &str,
        change: impl Fn(&mut T) -> Result<R, EnrolmentError>,
    ) -> Result<R, EnrolmentError> {
        self.change_or(key, None, change).await
    }

    /// Changes a record; one that cannot be read as if it said `instead`, if that is given.
    async fn change_or<T: Clone + Serialize + DeserializeOwned + Default, R>(
        &self,
        key: &str,
        instead: Option<&T>,
        change: impl Fn(&mut T) -> Result<R, EnrolmentError>,
    ) -> Result<R, EnrolmentError> {
        for _ in 0..TRIES {
            let (revision, mut value) = match (self.read::<T>(key).await, instead) {
                (Err(EnrolmentError::RecordUnreadable { revision, .. }), Some(instead)) => {
                    (revision, instead.clone())
                }
                (read, _) => read?,
            };
            let result = change(&mut value)?;
            let json = serde_json::to_vec(&value)
                .map_err(|error| EnrolmentError::BucketUnavailable(Some(error.into())))?;
            self.fits(key, &json)?;
            let put = self.bucket.update(key, json.into(), revision);
            match tokio::time::timeout(WITHIN, put).await {
                Ok(Ok(_)) => return Ok(result),
                Ok(Err(error)) if error.kind() == kv::UpdateErrorKind::WrongLastRevision => {}
                Ok(Err(error)) => {
                    return Err(EnrolmentError::BucketUnavailable(Some(error.into())));
                }
                Err(_) => return Err(EnrolmentError::BucketUnavailable(None)),
            }
        }
        Err(EnrolmentError::Contended)
    }
}
