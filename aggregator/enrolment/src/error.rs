//! How enrolment fails.

use bus_keys::{JwtError, NotProven};
use bus_schema::ClusterName;

use super::AccountUsage;
use crate::signer::SignError;
use diagnostics::{Problem, ProblemCode};
use labels::LabelError;
use storage::bus::BusError;
use storage::{BucketError, RecordError};

/// Why a credential was not issued or revoked.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The cluster has as many credentials as it may.
    #[error("{cluster} has two credentials already; revoke one of them first: {keys}")]
    TooManyCredentials {
        /// The cluster.
        cluster: ClusterName,
        /// Their public keys.
        keys: String,
    },
    /// The key was revoked before.
    #[error("this key was revoked permanently; make another one with `agent keygen`")]
    KeyRevoked,
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
    /// An agent is connected whose credential was not issued here.
    #[error(
        "an agent of {cluster} is connected with a credential that was not issued here, so its key is unknown: find the key with the nats-server's /connz?auth=true and revoke it with `aggregator bus revoke KEY`"
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
    /// The keys of the cluster are unknown, since their record cannot be read.
    #[error(
        "the record {record} cannot be read ({error}), so the keys of the cluster are unknown: revoke them with `aggregator bus revoke KEY`, then delete the record with `aggregator bus records --delete {record}`"
    )]
    RecordUnreadable {
        /// Its bucket and key.
        record: String,
        /// What is wrong with it.
        error: RecordError,
    },
    /// The bucket was not read or changed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The operating system provided no random bytes.
    #[error("the operating system provided no random bytes")]
    NotRandom(#[source] getrandom::Error),
    /// The system account does not answer.
    #[error("the nats-server did not answer a request about its accounts")]
    SystemUnavailable(#[from] BusError),
    /// Nothing was signed.
    #[error(transparent)]
    NotSigned(#[from] SignError),
    /// The account's token would be larger than a message may be.
    #[error(
        "the list of revoked credentials is full ({0}): this one is recorded but not enforced, so its holder can still connect. Raise max_payload in nats-server.conf and restart the nats-server; it is then enforced automatically"
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
    /// The account on the nats-server does not belong to this bus.
    #[error("these keys are for another account than the one on the nats-server")]
    OtherAccount(#[from] JwtError),
    /// The cluster's labels were not set or forgotten.
    #[error(transparent)]
    NotLabelled(#[from] LabelError),
    /// Others changed the account's token at each attempt.
    #[error("others are changing the account's token at the same time; try again")]
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
            EnrolmentError::KeyRevoked
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
