//! What makes a mutation safe to deliver late or twice: its idempotency key, its deadline and the uid of the target cluster. And why it is
//! made.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Reason;

/// Part of every mutation. A user of the nats CLI may leave out all fields: then there is no deadline, any cluster of the name carries
/// it out, and a duplicate delivery changes the workload again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WriteGuard {
    /// The idempotency key: the id of the operation, as in the audit log. The agent records it in the object that it changes and never
    /// carries out an operation twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<OperationId>,
    /// The agent refuses to carry it out after this time, by the bus's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// The uid of the namespace `kube-system` of the target cluster; another cluster of the same name refuses the mutation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_uid: Option<String>,
    /// Do not carry the operation out, but report its outcome. If it has not been carried out, the object is fenced first, so that the
    /// API server rejects a patch that is still in flight. Requires the operation id; the deadline is ignored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fence: bool,
    /// Why it is made, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// The id of one operation: 1 to 64 of `a-z`, `0-9` and `-`. The aggregator's ids begin with the time, so that they sort by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[a-z0-9-]+$"))]
pub struct OperationId(String);

/// The text is not an operation id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an operation id: use 1 to 64 of a-z, 0-9 and -")]
pub struct OperationIdError;

/// The number of hexadecimal digits of the time (milliseconds since 1970) in an id made by the aggregator.
const TIME_DIGITS: usize = 11;

impl OperationId {
    /// An unguessable id that sorts by `time`.
    #[must_use]
    pub fn at(time: Timestamp, random: u64) -> Self {
        let milliseconds = time.as_millisecond().max(0);
        Self(format!("{milliseconds:011x}-{random:016x}"))
    }

    /// When it was made, in milliseconds; `None` for an id that was not made by [`OperationId::at`].
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        let (time, random) = self.0.split_once('-')?;
        let is_ours = time.len() == TIME_DIGITS
            && random.len() == 16
            && random.bytes().all(|b| b.is_ascii_hexdigit());
        let milliseconds = i64::from_str_radix(time, 16).ok().filter(|_| is_ours)?;
        Timestamp::from_millisecond(milliseconds).ok()
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OperationId {
    type Error = OperationIdError;

    fn try_from(text: String) -> Result<Self, OperationIdError> {
        let legal = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text))
        } else {
            Err(OperationIdError)
        }
    }
}

impl FromStr for OperationId {
    type Err = OperationIdError;

    fn from_str(text: &str) -> Result<Self, OperationIdError> {
        Self::try_from(text.to_owned())
    }
}

impl From<OperationId> for String {
    fn from(id: OperationId) -> Self {
        id.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_their_time_and_contain_it() {
        let time: Timestamp = "2026-03-01T10:00:00.25Z".parse().unwrap();
        let (first, second) = (
            OperationId::at(time, u64::MAX),
            OperationId::at(time + jiff::SignedDuration::from_millis(1), 0),
        );
        assert!(first < second);
        assert_eq!(first.time(), Some(time));
        for text in [
            "op-4k2j",
            "zzzzzzzzzzz-0123456789abcdef",
            "019cb00b000-0123",
            "019cb00b000",
        ] {
            let id: OperationId = text.parse().unwrap();
            assert_eq!(id.time(), None, "{text}");
        }
    }
}
