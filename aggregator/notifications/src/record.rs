//! What is stored beside the runs: which transition of a run each webhook has handled, and since when a webhook is known.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use bus_keys::streams::{BucketSpec, RUNS};
use jiff::Timestamp;
use runs::{Notifications, RunKey};
use serde::{Deserialize, Serialize};
use storage::{Lease, Leased, Record, RecordError, RecordKey};

/// By webhook, the number of the last transition of one run that was delivered or dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    /// The numbers.
    pub webhooks: BTreeMap<String, u64>,
}

/// A webhook, with the lease of the replica that notifies it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownWebhook {
    /// When an aggregator saw it first: what happened before is not delivered.
    pub since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
}

impl KnownWebhook {
    /// One that is known from now on.
    pub fn new(since: Timestamp) -> Self {
        Self { since, lease: None }
    }
}

impl Leased for KnownWebhook {
    const TERM: Duration = Duration::from_secs(15);

    fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    fn lease_mut(&mut self) -> &mut Option<Lease> {
        &mut self.lease
    }
}

/// The text is not the key of a webhook.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not the key of a webhook")]
pub struct KeyError;

/// The key `<run>.notified`.
pub type NotifiedKey = RunKey<Notifications>;

/// The key `webhook.<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebhookKey(String);

impl WebhookKey {
    const PREFIX: &str = "webhook.";

    /// That of the webhook with this name.
    pub fn new(name: &str) -> Self {
        Self(format!("{}{name}", Self::PREFIX))
    }
}

impl FromStr for WebhookKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let name = text.strip_prefix(Self::PREFIX).ok_or(KeyError)?;
        let is_name = !name.is_empty() && !name.contains('.');
        is_name.then(|| Self::new(name)).ok_or(KeyError)
    }
}

impl RecordKey for WebhookKey {
    fn as_str(&self) -> &str {
        &self.0
    }
}

impl Record for Notified {
    const BUCKET: BucketSpec = RUNS;
    type Key = NotifiedKey;
    const KEY: &'static str = "the key of a run's notifications";
    const FILTER: &'static str = "*.notified";
}

impl Record for KnownWebhook {
    const BUCKET: BucketSpec = RUNS;
    type Key = WebhookKey;
    const KEY: &'static str = "the key of a webhook";
    const FILTER: &'static str = "webhook.*";
}

/// Whether a record of the bucket `runs` can be used; `None` if it is none of these.
///
/// # Errors
/// What is wrong with it.
pub fn check(key: &str, value: &[u8]) -> Option<Result<(), RecordError>> {
    if key.starts_with(WebhookKey::PREFIX) {
        return Some(KnownWebhook::parse(key, value).map(drop));
    }
    let is_notified = key.ends_with(".notified");
    is_notified.then(|| Notified::parse(key, value).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_from_those_of_the_runs_and_checked() {
        let notified = br#"{"webhooks":{"on-call":3}}"#;
        let known = br#"{"since":"2026-03-01T10:00:00Z"}"#;
        assert!(check("019c-ab.notified", notified).unwrap().is_ok());
        assert!(check("019c-ab.notified", b"{").unwrap().is_err());
        assert!(check("webhook.on-call", known).unwrap().is_ok());
        assert!(check("webhook.on.call", known).unwrap().is_err());
        assert!(check("webhook.on-call", b"{}").unwrap().is_err());
        for key in ["019c-ab.run", "019c-ab.target.7", "019c-ab.lease"] {
            assert!(check(key, notified).is_none(), "{key}");
        }
    }
}
