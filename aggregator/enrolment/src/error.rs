//! How enrolment fails.

use bus_keys::{JwtError, NotProven};
use bus_schema::ClusterName;

use super::AccountUsage;
use crate::signer::SignError;
use diagnostics::{Problem, ProblemCode};
use labels::LabelError;
use storage::bus::BusError;
use storage::{BucketError, RecordError};

/// Why nobody was let in or revoked.
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
    /// The key was revoked before.
    #[error("this key was revoked for good; make another one with `agent keygen`")]
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
    /// There is nothing to revoke.
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
        /// What is wrong with it.
        error: RecordError,
    },
    /// The bucket was not read or changed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NotRandom(#[source] getrandom::Error),
    /// The system account does not answer.
    #[error("the nats-server does not answer about its accounts")]
    SystemUnavailable(#[from] BusError),
    /// Nothing was signed.
    #[error(transparent)]
    NotSigned(#[from] SignError),
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
    /// The cluster's labels were not set or forgotten.
    #[error(transparent)]
    NotLabelled(#[from] LabelError),
    /// Others change the account's token all the time.
    #[error("others change the account's token at the same time")]
    Contended,
}

impl From<EnrolmentError> for Problem {
    fn from(error: EnrolmentError) -> Self {
        let error = match error {
            EnrolmentError::NotLabelled(error) => return error.into(),
            error => error,
        };
        let code = match &error {
            EnrolmentError::TooManyCredentials { .. } => ProblemCode::CredentialsExhausted,
            EnrolmentError::KeyLockedOut
            | EnrolmentError::NotProven(_)
            | EnrolmentError::KeyOfAnotherCluster { .. } => ProblemCode::InvalidValue,
            EnrolmentError::CredentialUnknown { .. } => ProblemCode::CredentialUnknown,
            EnrolmentError::InvitationUnknown => ProblemCode::InvitationUnknown,
            EnrolmentError::CredentialUnrecorded { .. }
            | EnrolmentError::RecordUnreadable { .. } => ProblemCode::CredentialUnrecorded,
            EnrolmentError::RevocationsFull(_) | EnrolmentError::RevocationNotRecorded(_) => {
                ProblemCode::RevocationsFull
            }
            EnrolmentError::Bucket(_)
            | EnrolmentError::SystemUnavailable(_)
            | EnrolmentError::Contended => ProblemCode::BusUnavailable,
            EnrolmentError::NotSigned(SignError::Unavailable(_)) => ProblemCode::SignerUnavailable,
            EnrolmentError::Refused(_)
            | EnrolmentError::OtherAccount(_)
            | EnrolmentError::NotLabelled(_)
            | EnrolmentError::NotRandom(_)
            | EnrolmentError::NotSigned(_) => ProblemCode::Internal,
        };
        if matches!(
            code,
            ProblemCode::BusUnavailable | ProblemCode::SignerUnavailable | ProblemCode::Internal
        ) {
            tracing::warn!(error = &error as &dyn std::error::Error, "enrolment");
        }
        let problem = Self::new(code, error.to_string());
        match code {
            ProblemCode::InvalidValue => problem.field("credential_request"),
            _ => problem,
        }
    }
}
