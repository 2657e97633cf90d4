//! Who is let onto the bus: a credential for each cluster's agents, and locking one out. Which credentials there are stands in the
//! bucket `credentials`; what the nats-server enforces stands in the token of the fleet's account. The bucket is written first, so
//! that whoever comes next carries out what another one began.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use bus_keys::{CredentialRequest, JwtError, NotProven, Secret, Token, UserKey};
use bus_schema::ClusterName;
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::bus::BusError;
use crate::records::RecordError;
use crate::store::StoreError;

mod gate;
mod invitation;
mod issued;
mod manifest;
mod reconcile;
mod renewal;
mod revocation;
mod system;

pub use gate::{AccountUsage, Gate};
pub use invitation::{Found, INVITATION_LASTS, Invitation, Invitations};
pub(crate) use issued::{check as check_credentials, emptied as emptied_credentials};
pub use manifest::{Agent, ImageName, ImageNameError, agent_ca};
pub use reconcile::reconcile_account;
pub use system::{Coming, System};

use issued::Issued;
use revocation::is_over;

/// Two, so that a new credential can be put in place before the old one is locked out.
pub const CREDENTIALS_PER_CLUSTER: usize = 2;

/// How long a bucket or the system account may take to answer. Each writes to the disk before it does, which takes seconds where
/// others write as well, and nobody is let in or locked out so often that more would wait meanwhile.
const WITHIN: Duration = Duration::from_secs(10);

/// How long an agent's credential is good for, unless it is renewed.
pub const AGENT_CREDENTIAL_LIFETIME: Duration = Duration::from_hours(24 * 90);

/// Lets clusters in and locks credentials out.
#[derive(Debug, Clone)]
pub struct Enrolment {
    gate: Gate,
    issued: Issued,
    lifetime: Duration,
    /// A revocation was recorded: the account is to be looked at again.
    recorded: Arc<Notify>,
}

/// What a cluster can join with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetIn {
    /// The public keys of its credentials.
    pub keys: Vec<UserKey>,
    /// Whether an invitation was still good.
    pub invited: bool,
}

/// A credential that was just made.
#[derive(Debug)]
pub struct Enrolled {
    /// By which it can be locked out.
    pub public_key: UserKey,
    /// What its holder is given.
    pub given: Given,
}

/// What the holder of a new credential is given.
#[derive(Debug)]
pub enum Given {
    /// Private key and token.
    Credentials(Secret),
    /// The token alone: the private key never left its maker.
    Token(Token),
}

/// Why nobody was let in or locked out.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The cluster has as many credentials as it may.
    #[error("{cluster} has two credentials already; lock one of them out first: {keys}")]
    TooManyCredentials {
        /// The cluster.
        cluster: ClusterName,
        /// Their public keys.
        keys: String,
    },
    /// The key was locked out before.
    #[error("this key was locked out and stays so; make another one with `agent keygen`")]
    KeyLockedOut,
    /// The caller has not shown that the private key is theirs.
    #[error("{0}")]
    NotProven(#[from] NotProven),
    /// The key is another cluster's.
    #[error("this key is the credential of {holder}; make another one with `agent keygen`")]
    KeyOfAnotherCluster {
        /// Its cluster.
        holder: ClusterName,
    },
    /// There is nothing to lock out.
    #[error("{cluster} has no such credential")]
    CredentialUnknown {
        /// The cluster.
        cluster: ClusterName,
    },
    /// Somebody is there whom nobody has let in here.
    #[error(
        "an agent of {cluster} is there with a credential that was not enrolled here, so its key is not known: lock it out with `aggregator bus revoke KEY`; the nats-server's /connz?auth=true shows the key"
    )]
    CredentialUnrecorded {
        /// The cluster.
        cluster: ClusterName,
    },
    /// The invitation was used or withdrawn, has expired, or never was one.
    #[error(
        "this invitation was used or withdrawn, has expired, or was never made; make a new one"
    )]
    InvitationUnknown,
    /// Which keys the cluster has is not known.
    #[error(
        "the record {record} cannot be read ({error}), so which keys the cluster has is not known: lock them out with `aggregator bus revoke KEY`, then delete the record with `aggregator bus records --delete {record}`"
    )]
    RecordUnreadable {
        /// Where it stands.
        record: String,
        /// The state of the bucket in which it stood there.
        revision: u64,
        /// What is wrong with it.
        error: RecordError,
    },
    /// The bucket does not answer.
    #[error("the bucket of credentials does not answer")]
    BucketUnavailable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The system account does not answer.
    #[error("the nats-server does not answer about its accounts")]
    SystemUnavailable(#[from] BusError),
    /// The account's token would be larger than a message may be.
    #[error(
        "the list of revoked credentials is full ({0}): this one is recorded and not enforced yet, its holder still connects. Raise max_payload in nats-server.conf and restart the nats-server; it is enforced by itself then"
    )]
    RevocationsFull(AccountUsage),
    /// The same for the record of it.
    #[error(
        "the list of revoked credentials is full ({0}), and this one was not recorded. Raise max_payload in nats-server.conf, restart the nats-server, and revoke it again"
    )]
    RevocationNotRecorded(AccountUsage),
    /// The nats-server refuses the token.
    #[error("the nats-server refuses the account's token: {0}")]
    Refused(String),
    /// What the nats-server has is no account of this bus.
    #[error("the nats-server has another account than these keys are for")]
    OtherAccount(#[from] JwtError),
    /// Others change the same all the time.
    #[error("others change the same at the same time")]
    Contended,
}

impl Enrolment {
    /// Opens the bucket, makes it if there is none. What another one began is for [`reconcile_account`].
    ///
    /// # Errors
    /// When the bucket cannot be used.
    pub async fn open(
        gate: Gate,
        jetstream: &Context,
        replicas: usize,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            gate,
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
    /// When the cluster has two already, the request does not prove the private key, the key has another holder or was locked out,
    /// or the bucket does not answer.
    pub async fn enroll(
        &self,
        cluster: &ClusterName,
        request: Option<&CredentialRequest>,
        by: &str,
    ) -> Result<Enrolled, EnrolmentError> {
        let (keys, now) = (self.gate.keys(), Timestamp::now());
        let times = (now, now + self.lifetime);
        let enrolled = match request {
            Some(request) => {
                let public_key = request.proven_for(cluster.as_str())?.clone();
                self.refuse_taken(cluster, &public_key).await?;
                let given = Given::Token(keys.agent(cluster, &public_key, times));
                Enrolled { public_key, given }
            }
            None => self.new_credential(cluster, times),
        };
        self.issued
            .add(cluster, &enrolled.public_key, by, times)
            .await?;
        Ok(enrolled)
    }

    /// Makes a credential in the name of an invitation, unless the cluster has been locked out since that was made.
    ///
    /// # Errors
    /// [`EnrolmentError::InvitationUnknown`] then; when the cluster has two credentials already, or the bucket does not answer.
    pub async fn enroll_invited(
        &self,
        invitation: &Invitation,
    ) -> Result<Enrolled, EnrolmentError> {
        let now = Timestamp::now();
        let times = (now, now + self.lifetime);
        let enrolled = self.new_credential(&invitation.cluster, times);
        self.issued
            .add_invited(invitation, &enrolled.public_key, times)
            .await?;
        Ok(enrolled)
    }

    fn new_credential(&self, cluster: &ClusterName, times: (Timestamp, Timestamp)) -> Enrolled {
        let keys = self.gate.keys();
        let (public_key, credentials) = keys.agent_credentials(cluster, times);
        let given = Given::Credentials(credentials);
        Enrolled { public_key, given }
    }

    /// Locking this cluster out would lock out the other holder of the key.
    async fn refuse_taken(
        &self,
        cluster: &ClusterName,
        key: &UserKey,
    ) -> Result<(), EnrolmentError> {
        if self.locked_out().await?.contains_key(key) {
            return Err(EnrolmentError::KeyLockedOut);
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

    /// Locks out one credential of a cluster, or all of them: whoever is connected with it is cut off before this returns, and with all
    /// of them the cluster's invitations die. `finish` comes after that and before the record of them goes, so that what breaks off on
    /// the way can be done again.
    ///
    /// # Errors
    /// When the cluster has none such, or bucket or nats-server do not answer. What was begun is then carried out later.
    pub async fn revoke(
        &self,
        cluster: &ClusterName,
        key: Option<&UserKey>,
        finish: impl AsyncFnOnce(&LetIn) -> Result<(), EnrolmentError>,
    ) -> Result<Vec<UserKey>, EnrolmentError> {
        let let_in = match key {
            Some(key) => self.issued.one(cluster, key).await?,
            None => self.issued.end_invitations(cluster).await?,
        };
        let revoked = &let_in.keys;
        self.record_revoked(cluster, revoked).await?;
        self.lock_out().await?;
        finish(&let_in).await?;
        self.issued.remove(cluster, revoked).await?;
        Ok(let_in.keys)
    }
}

async fn within<T, E>(act: impl Future<Output = Result<T, E>>) -> Result<T, EnrolmentError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match tokio::time::timeout(WITHIN, act).await {
        Ok(done) => done.map_err(|error| EnrolmentError::BucketUnavailable(Some(error.into()))),
        Err(_) => Err(EnrolmentError::BucketUnavailable(None)),
    }
}
