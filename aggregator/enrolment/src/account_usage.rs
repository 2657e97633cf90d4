//! How full the token of the fleet's account is, which has the list of revoked credentials.

use std::fmt;

/// How much of a message the account's token takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountUsage {
    /// Revoked credentials in it.
    pub revocations: usize,
    /// Its size.
    pub bytes: usize,
    /// The largest message that the nats-server takes: its `max_payload`.
    pub limit: usize,
}

impl AccountUsage {
    /// Whether it fits into a message.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.bytes <= self.limit
    }

    /// Whether it takes more than four fifths of a message.
    #[must_use]
    pub fn is_nearly_full(&self) -> bool {
        self.bytes / 4 > self.limit / 5
    }
}

impl fmt::Display for AccountUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            revocations,
            bytes,
            limit,
        } = self;
        write!(
            f,
            "{revocations} entries, {bytes} bytes of the {limit} that the nats-server takes"
        )
    }
}
