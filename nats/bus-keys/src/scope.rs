//! The permissions of each kind of credential on the bus: the templates of the signing keys in the account's token. They list only
//! what is allowed, never what is denied. They apply to every credential as soon as the account's token is changed.

use bus_schema::subject::{INBOX, RUN_EVENTS};
use bus_schema::{AGENT_MESSAGE_BYTES, PERSON_REQUEST_BYTES};
use serde::{Deserialize, Serialize};

use crate::streams::{BUCKETS, STREAMS};

pub(crate) const UNLIMITED: i64 = -1;

/// Subscriptions and message size, which the server enforces by credential. It enforces neither `data` nor a rate.
#[derive(Debug, Clone, Copy)]
struct Limits {
    subscriptions: i64,
    payload: i64,
}

impl Limits {
    /// Only the server's own `max_payload`. The aggregator sends the account's token in one message.
    const NONE: Self = Self {
        subscriptions: UNLIMITED,
        payload: UNLIMITED,
    };

    /// More than an agent needs with all its verbs and followed logs, and replies of one page each.
    const AGENT: Self = Self {
        subscriptions: 512,
        payload: AGENT_MESSAGE_BYTES as i64,
    };

    /// Requests are small, and all that are queued for an agent must fit into its memory.
    const PERSON: Self = Self {
        subscriptions: 64,
        payload: PERSON_REQUEST_BYTES as i64,
    };
}

/// A key that signs users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SigningKey {
    /// One of ours.
    Scoped(Scope),
    /// A key that somebody else has added.
    Other(serde_json::Value),
}

/// What a signing key may sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scope {
    pub kind: String,
    pub key: String,
    pub role: String,
    pub template: Template,
    #[serde(default)]
    pub description: String,
}

/// The permissions of every user signed by the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Template {
    #[serde(rename = "pub")]
    publish: Allowed,
    #[serde(rename = "sub")]
    subscribe: Allowed,
    subs: i64,
    data: i64,
    payload: i64,
    allowed_connection_types: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Allowed {
    allow: Vec<String>,
}

impl SigningKey {
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Scoped(scope) => Some(&scope.key),
            Self::Other(other) => other.as_str().or_else(|| other["key"].as_str()),
        }
    }
}

impl Scope {
    fn new(role: &str, key: &str, template: Template) -> Self {
        Self {
            kind: "user_scope".to_owned(),
            key: key.to_owned(),
            role: role.to_owned(),
            template,
            description: String::new(),
        }
    }

    /// For the agents of the cluster that the user is named after. No permission to respond (`resp`): with it the server would let
    /// an agent publish on any reply subject that a request names, such as a bucket's.
    pub fn agent(key: &str) -> Self {
        let mut subscribe = vec!["cluster.{{name()}}.>".to_owned(), "fleet.>".to_owned()];
        // The subjects that agents must answer by the services convention (ADR-32): for all, by name, and by instance.
        for question in ["PING", "INFO", "STATS"] {
            for whom in ["", ".agent", ".agent.*"] {
                subscribe.push(format!("$SRV.{question}{whom}"));
            }
        }
        let publish = vec!["agent.{{name()}}.>".to_owned(), format!("{INBOX}.>")];
        let template = Template::new(publish, subscribe, Limits::AGENT);
        Self::new("agent", key, template)
    }

    /// For the aggregator.
    pub fn aggregator(key: &str) -> Self {
        let mut publish = [
            "cluster.*.>",
            "fleet.>",
            RUN_EVENTS,
            "$SRV.>",
            "$JS.API.INFO",
        ]
        .map(str::to_owned)
        .to_vec();
        for stream in STREAMS {
            publish.push(stream.subjects.to_owned());
            publish.extend(jetstream(stream.name));
        }
        for bucket in BUCKETS {
            publish.push(format!("$KV.{}.>", bucket.name));
            publish.extend(jetstream(&bucket.stream()));
        }
        // Outside of people's inboxes, so that no agent can publish there: JetStream's responses to the aggregator arrive on it.
        let subscribe = vec!["agent.>".to_owned(), "_INBOX_aggregator.>".to_owned()];
        let template = Template::new(publish, subscribe, Limits::NONE);
        Self::new("aggregator", key, template)
    }

    /// For people with the nats CLI: each credential names its clusters and verbs, and whether it sees runs.
    pub fn cli(key: &str) -> Self {
        let publish = [
            "cluster.{{tag(cluster)}}.{{tag(verb)}}",
            "$SRV.{{tag(srv)}}",
        ];
        let events = RUN_EVENTS.replace('*', "{{tag(run)}}");
        let subscribe = vec!["{{tag(inbox)}}.>".to_owned(), events];
        let publish = publish.map(str::to_owned).to_vec();
        let template = Template::new(publish, subscribe, Limits::PERSON);
        Self::new("cli", key, template)
    }

    /// For the operator of the bus, for an hour: backups, repairs and monitoring.
    pub fn admin(key: &str) -> Self {
        let all = || vec![">".to_owned()];
        let template = Template::new(all(), all(), Limits::NONE);
        Self::new("admin", key, template)
    }

    /// For the aggregator in the system account: connects and disconnects in the fleet's account, and that account's token.
    pub fn system(key: &str, fleet: &str) -> Self {
        let publish = vec![
            "$SYS.REQ.CLAIMS.UPDATE".to_owned(),
            format!("$SYS.REQ.ACCOUNT.{fleet}.CLAIMS.LOOKUP"),
        ];
        let subscribe = vec![
            format!("$SYS.ACCOUNT.{fleet}.CONNECT"),
            format!("$SYS.ACCOUNT.{fleet}.DISCONNECT"),
            "_INBOX_aggregator.>".to_owned(),
        ];
        let template = Template::new(publish, subscribe, Limits::NONE);
        Self::new("system", key, template)
    }
}

impl Template {
    fn new(publish: Vec<String>, subscribe: Vec<String>, limits: Limits) -> Self {
        Self {
            publish: Allowed { allow: publish },
            subscribe: Allowed { allow: subscribe },
            subs: limits.subscriptions,
            data: UNLIMITED,
            payload: limits.payload,
            // No leaf nodes and no MQTT.
            allowed_connection_types: vec!["STANDARD".to_owned(), "WEBSOCKET".to_owned()],
        }
    }
}

/// Create, inspect and read a stream. Not change, purge or delete it, nor delete one of its messages.
fn jetstream(stream: &str) -> Vec<String> {
    vec![
        format!("$JS.API.STREAM.INFO.{stream}"),
        format!("$JS.API.STREAM.CREATE.{stream}"),
        format!("$JS.API.STREAM.MSG.GET.{stream}"),
        format!("$JS.API.DIRECT.GET.{stream}"),
        format!("$JS.API.DIRECT.GET.{stream}.>"),
        // A consumer without a name, and one with.
        format!("$JS.API.CONSUMER.CREATE.{stream}"),
        format!("$JS.API.CONSUMER.CREATE.{stream}.>"),
        format!("$JS.API.CONSUMER.INFO.{stream}.*"),
        format!("$JS.API.CONSUMER.DELETE.{stream}.*"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.*"),
        format!("$JS.FC.{stream}.>"),
    ]
}
