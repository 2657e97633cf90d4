//! One-time links that join a cluster: the bucket `invitations`. It contains no credentials; they are issued when the link is used.

use std::time::Duration;

use async_nats::jetstream::Context;
use bus_keys::streams::{BucketSpec, INVITATIONS};
use bus_schema::ClusterName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::system::WITHIN;
use super::{Agent, EnrolmentError};
use identity::sessions::{SessionKey, Token};
use labels::Labels;
use storage::{Bucket, BucketError, Entry, Record, StoreError};

/// How long a link is valid.
pub const INVITATION_LASTS: Duration = INVITATIONS.max_age;

/// The content of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The cluster that it joins.
    pub cluster: ClusterName,
    /// How its agent is started.
    pub agent: Agent,
    /// The labels that the cluster gets.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The user who made it.
    pub by: String,
    /// The fingerprint of the maker's password hash at that time: changing the password ends the invitation.
    pub credential: String,
    /// The cluster's generation at that time: revoking the cluster ends the invitation.
    pub generation: u64,
}

/// An invitation as it was read from the bucket.
#[derive(Debug, Clone)]
pub struct StoredInvitation {
    /// The content of the link.
    pub invitation: Invitation,
    /// The hash of the link's token: with it the invitation can be withdrawn but not used.
    pub id: SessionKey,
    /// When it was made.
    pub created_at: Timestamp,
    revision: u64,
}

impl Record for Invitation {
    const BUCKET: BucketSpec = INVITATIONS;
    type Key = SessionKey;
    const KEY: &'static str = "the hash of a token";
    const WITHIN: Duration = WITHIN;
}

/// All links that have neither been used nor expired.
#[derive(Debug, Clone)]
pub struct Invitations {
    bucket: Bucket<Invitation>,
}

impl Invitations {
    /// Opens the bucket, creating it if it is missing.
    ///
    /// # Errors
    /// When JetStream is unavailable, or a bucket of that name exists with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        let bucket = Bucket::open(jetstream, replicas).await?;
        Ok(Self { bucket })
    }

    /// Stores an invitation and returns the token of its link.
    ///
    /// # Errors
    /// When the operating system provides no random bytes, or the bucket does not answer.
    pub async fn make(&self, invitation: &Invitation) -> Result<Token, EnrolmentError> {
        let token = Token::mint().map_err(EnrolmentError::NotRandom)?;
        self.bucket.put(&token.key(), invitation).await?;
        Ok(token)
    }

    /// The invitation with this id; `None` if it was used, has expired, never existed, or its record cannot be read.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn find(&self, id: &SessionKey) -> Result<Option<StoredInvitation>, EnrolmentError> {
        let entry = self.bucket.get(id).await?;
        Ok(StoredInvitation::of(id.clone(), entry))
    }

    /// All invitations that have neither been used nor expired, newest first.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn list(&self) -> Result<Vec<StoredInvitation>, EnrolmentError> {
        let all = self.bucket.list().await?.into_iter();
        let mut found: Vec<StoredInvitation> = all
            .filter_map(|(id, entry)| StoredInvitation::of(id, entry))
            .collect();
        found.sort_by_key(|found| std::cmp::Reverse(found.created_at));
        Ok(found)
    }

    /// Uses up an invitation. Of several concurrent calls, one succeeds.
    ///
    /// # Errors
    /// [`EnrolmentError::InvitationUnknown`] for the other calls; or when the bucket does not answer.
    pub async fn take(&self, found: StoredInvitation) -> Result<Invitation, EnrolmentError> {
        match self.bucket.delete(&found.id, found.revision).await {
            Ok(()) => Ok(found.invitation),
            Err(BucketError::Conflict { .. }) => Err(EnrolmentError::InvitationUnknown),
            Err(error) => Err(error.into()),
        }
    }
}

impl StoredInvitation {
    fn of(id: SessionKey, entry: Entry<Invitation>) -> Option<Self> {
        Some(Self {
            id,
            created_at: entry.created_at,
            revision: entry.revision,
            invitation: entry.record.ok()??,
        })
    }
}
