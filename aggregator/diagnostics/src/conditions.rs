//! What is wrong with the aggregator itself at the moment: one list, shown by `GET /conditions` and the UI, counted in
//! `GET /metrics`, and named by `GET /readyz`. The code that detects a condition raises and clears it here.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use utoipa::ToSchema;

/// The type of a condition. Each is a series in `GET /metrics`, and has a title in the UI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AggregatorConditionType {
    /// The users file is missing or has an error: users, passwords and grants are those of its last valid version.
    UsersFileUnusable,
    /// The list of revoked credentials has reached the largest size of a message on the bus: the latest revocations are not enforced.
    RevocationsFull,
    /// The list of revoked credentials has reached 80 % of the largest size of a message on the bus.
    RevocationsNearlyFull,
    /// The account's token on the nats-server could not be updated: the latest revocations and permissions are not enforced.
    AccountTokenOutdated,
    /// A stream or bucket has reached 80 % of its size limit. When it is full, requests that write to it are refused.
    StoreNearlyFull,
    /// Records in JetStream cannot be read and are skipped; all others are used.
    RecordsUnreadable,
    /// The clock of the aggregator's machine differs much from that of the nats-server. The aggregator uses the latter.
    ClockSkewed,
    /// The receiver of a webhook has answered 410 Gone: it gets no more notifications until the aggregator is restarted.
    WebhookDisabled,
}

impl AggregatorConditionType {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::UsersFileUnusable,
        Self::RevocationsFull,
        Self::RevocationsNearlyFull,
        Self::AccountTokenOutdated,
        Self::StoreNearlyFull,
        Self::RecordsUnreadable,
        Self::ClockSkewed,
        Self::WebhookDisabled,
    ];

    /// As it is written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UsersFileUnusable => "users_file_unusable",
            Self::RevocationsFull => "revocations_full",
            Self::RevocationsNearlyFull => "revocations_nearly_full",
            Self::AccountTokenOutdated => "account_token_outdated",
            Self::StoreNearlyFull => "store_nearly_full",
            Self::RecordsUnreadable => "records_unreadable",
            Self::ClockSkewed => "clock_skewed",
            Self::WebhookDisabled => "webhook_disabled",
        }
    }
}

/// One thing that is wrong with this aggregator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({"type": "users_file_unusable", "since": "2026-01-05T10:00:00Z",
    "message": "/etc/mca/users.json cannot be read; users, passwords and grants stay those of the last valid version, so removed users stay signed in"})))]
pub struct AggregatorCondition {
    /// The type.
    #[serde(rename = "type")]
    pub kind: AggregatorConditionType,
    /// What happened, to which object, and what to do.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

/// All that is wrong now. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Conditions(Arc<Mutex<BTreeMap<AggregatorConditionType, AggregatorCondition>>>);

impl Conditions {
    /// Raises a condition. If it is raised already, only its message changes, not its time.
    pub fn raise(&self, kind: AggregatorConditionType, message: String) {
        let mut raised = self.raised();
        let since = raised
            .get(&kind)
            .map_or_else(Timestamp::now, |condition| condition.since);
        let condition = AggregatorCondition {
            kind,
            message,
            since,
        };
        raised.insert(kind, condition);
    }

    /// Clears a condition, if it is raised.
    pub fn clear(&self, kind: AggregatorConditionType) {
        self.raised().remove(&kind);
    }

    /// The conditions that are raised now.
    #[must_use]
    pub fn list(&self) -> Vec<AggregatorCondition> {
        self.raised().values().cloned().collect()
    }

    fn raised(&self) -> MutexGuard<'_, BTreeMap<AggregatorConditionType, AggregatorCondition>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: AggregatorConditionType = AggregatorConditionType::UsersFileUnusable;

    #[test]
    fn a_condition_that_is_raised_again_has_the_new_message_and_the_old_time() {
        let conditions = Conditions::default();
        conditions.raise(KIND, "one".to_owned());
        let [first] = &conditions.list()[..] else {
            panic!("one condition");
        };
        conditions.raise(KIND, "two".to_owned());
        let [second] = &conditions.list()[..] else {
            panic!("one condition");
        };
        assert_eq!((&*second.message, second.since), ("two", first.since));
        conditions.clear(KIND);
        assert_eq!(conditions.list(), []);
    }

    #[test]
    fn each_type_is_written_the_same_in_json_and_in_metrics() {
        for kind in AggregatorConditionType::ALL {
            let json = serde_json::to_value(kind).expect("a string");
            assert_eq!(json, kind.as_str());
        }
    }
}
