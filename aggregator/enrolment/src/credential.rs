//! A credential of a cluster's agents: its content, its lifetime, and how many a cluster may have.

use std::time::Duration;

use bus_keys::{Secret, Token, UserKey};
use jiff::Timestamp;

/// Two, so that a new credential can be installed before the old one is revoked.
pub const CREDENTIALS_PER_CLUSTER: usize = 2;

/// How long an agent's credential is valid unless it is renewed.
pub const AGENT_CREDENTIAL_LIFETIME: Duration = Duration::from_hours(24 * 90);

/// The longest lifetime that can be configured.
pub const AGENT_CREDENTIAL_LIFETIME_MAX: Duration = Duration::from_hours(24 * 400);

/// The credentials with which the agents of a cluster can connect, and whether more can be issued by an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterCredentials {
    /// Their public keys.
    pub keys: Vec<UserKey>,
    /// Whether an invitation was still valid.
    pub invited: bool,
}

/// A credential that was just made.
#[derive(Debug)]
pub struct Enrolled {
    /// The key to revoke it by.
    pub public_key: UserKey,
    /// The credential for its holder.
    pub credential: IssuedCredential,
}

/// A new credential, as its holder receives it.
#[derive(Debug)]
pub enum IssuedCredential {
    /// The private key and the token.
    Credentials(Secret),
    /// The token alone: the private key never left its maker.
    Token(Token),
}

/// Compares whole seconds, the precision of tokens.
pub(super) fn is_over(until: Timestamp, now: Timestamp) -> bool {
    until.as_second() <= now.as_second()
}
