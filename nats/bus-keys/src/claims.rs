//! The claims in the tokens of operator, accounts and users.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scope::{SigningKey, UNLIMITED};

const VERSION: u8 = 2;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OperatorBody {
    pub signing_keys: Vec<String>,
    pub system_account: String,
    /// Accounts and users are signed only with signing keys, so that no identity's private key need be online.
    pub strict_signing_key_usage: bool,
    #[serde(rename = "type")]
    kind: String,
    version: u8,
}

impl OperatorBody {
    pub fn new(signing_key: String, system_account: String) -> Self {
        Self {
            signing_keys: vec![signing_key],
            system_account,
            strict_signing_key_usage: true,
            kind: "operator".to_owned(),
            version: VERSION,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AccountBody {
    pub limits: Limits,
    #[serde(default)]
    pub signing_keys: Vec<SigningKey>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revocations: BTreeMap<String, i64>,
    default_permissions: DefaultPermissions,
    #[serde(rename = "type")]
    kind: String,
    version: u8,
    /// Claims of others are retained.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl AccountBody {
    pub fn new(limits: Limits, signing_keys: Vec<SigningKey>) -> Self {
        Self {
            limits,
            signing_keys,
            revocations: BTreeMap::new(),
            default_permissions: DefaultPermissions::none(),
            kind: "account".to_owned(),
            version: VERSION,
            rest: BTreeMap::new(),
        }
    }
}

/// The permissions of a user without its own: none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct DefaultPermissions {
    #[serde(rename = "pub", default)]
    publish: Denied,
    #[serde(rename = "sub", default)]
    subscribe: Denied,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Denied {
    #[serde(default)]
    deny: Vec<String>,
}

impl DefaultPermissions {
    fn none() -> Self {
        let all = Denied {
            deny: vec![">".to_owned()],
        };
        Self {
            publish: all.clone(),
            subscribe: all,
        }
    }
}

/// The server treats an absent limit as zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Limits {
    subs: i64,
    data: i64,
    payload: i64,
    imports: i64,
    exports: i64,
    wildcards: bool,
    disallow_bearer: bool,
    conn: i64,
    leaf: i64,
    mem_storage: i64,
    disk_storage: i64,
    streams: i64,
    consumer: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            subs: UNLIMITED,
            data: UNLIMITED,
            payload: UNLIMITED,
            imports: 0,
            exports: 0,
            wildcards: true,
            disallow_bearer: true,
            conn: UNLIMITED,
            leaf: 0,
            mem_storage: 0,
            disk_storage: 0,
            streams: 0,
            consumer: 0,
        }
    }
}

impl Limits {
    pub fn with_jetstream() -> Self {
        Self {
            mem_storage: UNLIMITED,
            disk_storage: UNLIMITED,
            streams: UNLIMITED,
            consumer: UNLIMITED,
            ..Self::default()
        }
    }
}

/// A user under a scoped signing key must have no permissions of its own, or the server refuses it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UserBody {
    #[serde(default)]
    pub issuer_account: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    version: u8,
}

impl UserBody {
    pub fn new(issuer_account: String, tags: Vec<String>) -> Self {
        Self {
            issuer_account,
            tags,
            kind: "user".to_owned(),
            version: VERSION,
        }
    }
}
