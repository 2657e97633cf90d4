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

/// Lets clusters in and locks credentials out.
#[derive(Debug, Clone)]
pub struct CredentialIssuer {
    pub(super) account: BusAccount,
    pub(super) issued: Issued,
    pub(super) lifetime: Duration,
    /// A revocation was recorded: the account is to be looked at again.
    pub(super) recorded: Arc<Notify>,
}

impl CredentialIssuer {
    /// Opens the bucket, makes it if there is none. What another one began is for [`reconcile_account`].
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

    /// The same with agents' credentials that are good for so long.
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

    /// Uses an invitation up and makes a credential in its name, unless the cluster has been revoked since it was made.
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
        // First, so that the link can be used again where nothing is signed.
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

    /// Revoking this cluster would revoke the other holder of the key.
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

    /// Notes that there is an invitation for this cluster: the generation that it is good for.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn invite(&self, cluster: &ClusterName) -> Result<u64, EnrolmentError> {
        let until = Timestamp::now() + INVITATION_LASTS;
        self.issued.invite(cluster, until).await
    }

    /// Whether an invitation is of its cluster's present generation.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub async fn still_invites(&self, invitation: &Invitation) -> Result<bool, EnrolmentError> {
        let generation = self.issued.generation(&invitation.cluster).await?;
        Ok(generation == invitation.generation)
    }

    /// Revokes one credential of a cluster, or all of them: a client that is connected with it is cut off before this returns, and with all
    /// of them the cluster's invitations die. `finish` comes after that and before the record of them goes, so that what breaks off on
    /// the way can be done again.
    ///
    /// # Errors
    /// When the cluster has none such, or bucket or nats-server do not answer. What was begun is then carried out later.
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
