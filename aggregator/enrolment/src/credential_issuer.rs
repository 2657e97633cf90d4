//! Makes and revokes the credentials of clusters' agents.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use bus_keys::{CredentialRequest, Credentials, Key, Kind, UserKey};
use bus_schema::ClusterName;
use jiff::Timestamp;
use tokio::sync::Notify;

use storage::StoreError;

use super::issued::Issued;
use super::{
    AGENT_CREDENTIAL_LIFETIME, BusAccount, ClusterCredentials, Enrolled, EnrolmentError,
    INVITATION_LASTS, Invitation, Invitations, IssuedCredential, StoredInvitation,
};

/// Issues and revokes the credentials of clusters' agents.
#[derive(Debug, Clone)]
pub struct CredentialIssuer {
    pub(super) account: BusAccount,
    pub(super) issued: Issued,
    pub(super) lifetime: Duration,
    /// Notified when a revocation was recorded, so that it is enforced at once.
    pub(super) recorded: Arc<Notify>,
}

impl CredentialIssuer {
    /// Opens the bucket, creating it if it is missing. Work that another replica left unfinished is done by [`reconcile_account`].
    ///
    /// # Errors
    /// When the bucket cannot be used.
    pub async fn open(
        account: BusAccount,
        jetstream: &Context,
        replicas: usize,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            account,
            issued: Issued::open(jetstream, replicas).await?,
            lifetime: AGENT_CREDENTIAL_LIFETIME,
            recorded: Arc::default(),
        })
    }

    /// The same with this lifetime for agents' credentials.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Makes a credential for a cluster's agents; for the public key of this request, if one is given.
    ///
    /// # Errors
    /// When the cluster has two already, the request does not prove the private key, the key has another holder or was revoked,
    /// or the bucket does not answer.
    pub async fn enroll(
        &self,
        cluster: &ClusterName,
        request: Option<&CredentialRequest>,
        by: &str,
    ) -> Result<Enrolled, EnrolmentError> {
        let now = Timestamp::now();
        let times = (now, now + self.lifetime);
        let enrolled = match request {
            Some(request) => {
                let public_key = request.proven_for(cluster.as_str())?.clone();
                self.refuse_taken(cluster, &public_key).await?;
                let signer = self.account.signer();
                let token = signer.agent(cluster, &public_key, times.1).await?;
                let credential = IssuedCredential::Token(token);
                Enrolled {
                    public_key,
                    credential,
                }
            }
            None => self.new_credential(cluster, times.1).await?,
        };
        self.issued
            .add(cluster, &enrolled.public_key, by, times)
            .await?;
        Ok(enrolled)
    }

    /// Uses up an invitation and issues a credential for it, unless the cluster was revoked after the invitation was made.
    ///
    /// # Errors
    /// [`EnrolmentError::InvitationUnknown`] then; when the cluster has two credentials already, or bucket or signing process do not answer.
    pub async fn enroll_invited(
        &self,
        found: StoredInvitation,
        invitations: &Invitations,
    ) -> Result<Enrolled, EnrolmentError> {
        let now = Timestamp::now();
        let times = (now, now + self.lifetime);
        // Signed first, so that the link stays usable if signing fails.
        let enrolled = self.new_credential(&found.invitation.cluster, times.1);
        let enrolled = enrolled.await?;
        let invitation = invitations.take(found).await?;
        self.issued
            .add_invited(&invitation, &enrolled.public_key, times)
            .await?;
        Ok(enrolled)
    }

    async fn new_credential(
        &self,
        cluster: &ClusterName,
        expires_at: Timestamp,
    ) -> Result<Enrolled, EnrolmentError> {
        let key = Key::generate(Kind::User);
        let public_key = UserKey::from(&key);
        let signer = self.account.signer();
        let token = signer.agent(cluster, &public_key, expires_at).await?;
        let credential = IssuedCredential::Credentials(Credentials::text(&token, &key));
        Ok(Enrolled {
            public_key,
            credential,
        })
    }

    /// Refuses a key that is revoked, or belongs to another cluster: revoking one cluster would revoke the other as well.
    async fn refuse_taken(
        &self,
        cluster: &ClusterName,
        key: &UserKey,
    ) -> Result<(), EnrolmentError> {
        if self.revoked().await?.contains_key(key) {
            return Err(EnrolmentError::KeyRevoked);
        }
        match self.issued.holder(key).await? {
            Some(holder) if holder != *cluster => {
                Err(EnrolmentError::KeyOfAnotherCluster { holder })
            }
            _ => Ok(()),
        }
    }

    /// Records that there is an invitation for this cluster, and returns the generation in which it is valid.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn invite(&self, cluster: &ClusterName) -> Result<u64, EnrolmentError> {
        let until = Timestamp::now() + INVITATION_LASTS;
        self.issued.invite(cluster, until).await
    }

    /// Whether an invitation belongs to its cluster's current generation.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn still_invites(&self, invitation: &Invitation) -> Result<bool, EnrolmentError> {
        let generation = self.issued.generation(&invitation.cluster).await?;
        Ok(generation == invitation.generation)
    }

    /// Revokes one credential of a cluster, or all of them and its invitations. Clients connected with them are disconnected before this
    /// returns. `finish` runs after that and before the credentials are removed from their record, so that an interrupted revocation can
    /// be repeated.
    ///
    /// # Errors
    /// When the cluster has no such credential, or bucket or nats-server do not answer. What was begun is then completed later.
    pub async fn revoke(
        &self,
        cluster: &ClusterName,
        key: Option<&UserKey>,
        finish: impl AsyncFnOnce(&ClusterCredentials) -> Result<(), EnrolmentError>,
    ) -> Result<Vec<UserKey>, EnrolmentError> {
        let credentials = match key {
            Some(key) => self.issued.one(cluster, key).await?,
            None => self.issued.end_invitations(cluster).await?,
        };
        let revoked = &credentials.keys;
        self.record_revoked(cluster, revoked).await?;
        self.enforce_revocations().await?;
        finish(&credentials).await?;
        self.issued.remove(cluster, revoked).await?;
        Ok(credentials.keys)
    }
}
