//! One-time links that join a cluster: the bucket `invitations`. No credential is kept there; it is made when the link is used.

use std::time::Duration;

use async_nats::jetstream::kv::{self, DeleteErrorKind, Store};
use async_nats::jetstream::{Context, stream::StorageType};
use bus_schema::ClusterName;
use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Agent, EnrolmentError, within};
use crate::labels::Labels;
use crate::records::{RecordError, parse_key, parse_value};
use crate::sessions::{SessionKey, Token};
use crate::store::{self, StoreError};

/// How long a link is good for: to copy it and to find the cluster's terminal, and not for a later day.
pub const INVITATION_LASTS: Duration = Duration::from_secs(15 * 60);

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The cluster that it joins.
    pub cluster: ClusterName,
    /// How its agent is started.
    pub agent: Agent,
    /// The labels that the cluster gets.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Who has made it.
    pub by: String,
    /// The fingerprint of the maker's password hash then: another password ends the invitation.
    pub credential: String,
    /// The cluster's generation then: locking the cluster out ends the invitation.
    pub generation: u64,
}

/// An invitation, and the state of the bucket in which it stood.
#[derive(Debug, Clone)]
pub struct Found {
    /// What the link is for.
    pub invitation: Invitation,
    /// By which it can be withdrawn, and nobody can join: the hash of the link's token.
    pub id: SessionKey,
    /// When it was made.
    pub created_at: Timestamp,
    revision: u64,
}

/// All links that have neither been used nor expired.
#[derive(Debug, Clone)]
pub struct Invitations {
    bucket: Store,
}

impl Invitations {
    /// Opens the bucket, makes it if there is none.
    ///
    /// # Errors
    /// When JetStream is away, or a bucket of that name is there with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        let wanted = kv::Config {
            bucket: "invitations".to_owned(),
            description: "one-time links that join a cluster, by the hashes of their tokens"
                .to_owned(),
            history: 1,
            max_age: INVITATION_LASTS,
            storage: StorageType::File,
            num_replicas: replicas,
            ..kv::Config::default()
        };
        let bucket = store::open_kv(jetstream, wanted).await?;
        Ok(Self { bucket })
    }

    /// Makes a link's token.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn make(&self, invitation: &Invitation) -> Result<Token, EnrolmentError> {
        let unavailable = |error| EnrolmentError::BucketUnavailable(Some(error));
        let token = Token::mint().map_err(|error| unavailable(error.into()))?;
        let json = serde_json::to_vec(invitation).map_err(|error| unavailable(error.into()))?;
        within(self.bucket.put(token.key().as_str(), json.into())).await?;
        Ok(token)
    }

    /// Reads a record of the bucket.
    pub(crate) fn parse(key: &str, value: &[u8]) -> Result<Invitation, RecordError> {
        let _: SessionKey = parse_key(key, "the hash of a token")?;
        parse_value(value)
    }

    /// The invitation of this id; `None` if it was used, has expired, or never was one. One whose record cannot be read is good for
    /// nothing, too.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn find(&self, id: &SessionKey) -> Result<Option<Found>, EnrolmentError> {
        let Some(entry) = within(self.bucket.entry(id.as_str())).await? else {
            return Ok(None);
        };
        if entry.operation != kv::Operation::Put {
            return Ok(None);
        }
        let created_at = Timestamp::from_nanosecond(entry.created.unix_timestamp_nanos());
        let (Ok(invitation), Ok(created_at)) = (Self::parse(&entry.key, &entry.value), created_at)
        else {
            return Ok(None);
        };
        Ok(Some(Found {
            invitation,
            id: id.clone(),
            created_at,
            revision: entry.revision,
        }))
    }

    /// All that have neither been used nor expired, the newest first.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn list(&self) -> Result<Vec<Found>, EnrolmentError> {
        let keys = within(self.bucket.keys()).await?;
        let keys: Vec<String> = within(keys.try_collect()).await?;
        let ids = keys.iter().filter_map(|key| key.parse().ok());
        let mut found = Vec::new();
        for id in ids.collect::<Vec<SessionKey>>() {
            found.extend(self.find(&id).await?);
        }
        found.sort_by_key(|found| std::cmp::Reverse(found.created_at));
        Ok(found)
    }

    /// Uses it up. Of several who try at once, one succeeds.
    ///
    /// # Errors
    /// [`EnrolmentError::InvitationUnknown`] for the others; or when the bucket does not answer.
    pub async fn take(&self, found: Found) -> Result<Invitation, EnrolmentError> {
        let Found {
            invitation,
            id,
            revision,
            ..
        } = found;
        let taken = self
            .bucket
            .delete_expect_revision(id.as_str(), Some(revision));
        match tokio::time::timeout(super::WITHIN, taken).await {
            Ok(Ok(())) => Ok(invitation),
            Ok(Err(error)) if error.kind() == DeleteErrorKind::WrongLastRevision => {
                Err(EnrolmentError::InvitationUnknown)
            }
            Ok(Err(error)) => Err(EnrolmentError::BucketUnavailable(Some(error.into()))),
            Err(_) => Err(EnrolmentError::BucketUnavailable(None)),
        }
    }
}
