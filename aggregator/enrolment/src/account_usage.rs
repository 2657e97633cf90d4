//! The size of the fleet account's token, which contains the list of revoked credentials.

use std::fmt;

/// The size of the account's token compared to the largest message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountUsage {
    /// Revoked credentials in it.
    pub revocations: usize,
    /// Its size.
    pub bytes: usize,
    /// The largest message that the nats-server accepts: its `max_payload`.
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
        write!(f, "{revocations} entries, {bytes} of at most {limit} bytes")
    }
}
