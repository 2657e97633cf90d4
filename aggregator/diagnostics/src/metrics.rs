//! Metrics, for `GET /metrics`. No label has a value chosen by a caller, a cluster or a user: the number of series is bounded by the
//! program's routes, verbs and outcomes, and by the webhooks of the operator.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::SignedDuration;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::{AggregatorCondition, AggregatorConditionType};

/// Buckets in seconds: from a response out of memory to the time-out of a call.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// All counters of one aggregator.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Series>);

#[derive(Debug)]
struct Series {
    registry: Registry,
    calls: Family<Call, Counter>,
    call_seconds: Family<Route, Histogram>,
    bus_requests: Family<BusRequest, Counter>,
    heartbeats: Family<One, Counter>,
    left_out: Counter,
    exclusions: Counter,
    answers: Family<One, Counter>,
    inventory: Family<One, Counter>,
    readers: Gauge,
    clusters: Family<PresenceLabel, Gauge>,
    runs: Family<StateLabel, Gauge>,
    connected: Gauge,
    conditions: Family<ConditionLabel, Gauge>,
    revocations: Gauge,
    account_token: Gauge,
    account_token_limit: Gauge,
    clock_offset: Gauge<f64, AtomicU64>,
    stream_bytes: Family<StreamLabel, Gauge>,
    stream_max_bytes: Family<StreamLabel, Gauge>,
}

/// A call that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: &'static str,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BusRequest {
    verb: &'static str,
    outcome: &'static str,
}

/// The outcome of one event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct One {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PresenceLabel {
    presence: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabel {
    condition: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabel {
    stream: String,
}

/// A reader of an event stream, counted until this is dropped.
#[derive(Debug)]
pub struct Reader(Gauge);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// New counters, together with that of the audit and those that `register` adds.
    #[must_use]
    pub fn new(audit_unavailable: Counter, register_others: impl FnOnce(&mut Registry)) -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let mut series = Series {
            registry: Registry::with_prefix("aggregator"),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(seconds),
            bus_requests: Family::default(),
            heartbeats: Family::default(),
            left_out: Counter::default(),
            exclusions: Counter::default(),
            answers: Family::default(),
            inventory: Family::default(),
            readers: Gauge::default(),
            clusters: Family::default(),
            runs: Family::default(),
            connected: Gauge::default(),
            conditions: Family::default(),
            revocations: Gauge::default(),
            account_token: Gauge::default(),
            account_token_limit: Gauge::default(),
            clock_offset: Gauge::default(),
            stream_bytes: Family::default(),
            stream_max_bytes: Family::default(),
        };
        series.register(audit_unavailable);
        register_others(&mut series.registry);
        Self(Arc::new(series))
    }

    /// A call was answered.
    pub fn called(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let (series, route) = (&self.0, route.to_owned());
        let of = Route {
            method,
            route: route.clone(),
        };
        let seconds = took.as_secs_f64();
        series.call_seconds.get_or_create(&of).observe(seconds);
        let call = Call {
            method,
            route,
            status,
        };
        series.calls.get_or_create(&call).inc();
    }

    /// A request was sent to an agent.
    pub fn asked(&self, verb: &'static str, outcome: &'static str) {
        let request = BusRequest { verb, outcome };
        self.0.bus_requests.get_or_create(&request).inc();
    }

    /// A heartbeat was received; `outcome` says whether it was valid.
    pub fn heard(&self, outcome: &'static str) {
        self.0.heartbeats.get_or_create(&One { outcome }).inc();
    }

    /// A message of an agent was dropped unread, since its cluster sends too many.
    pub fn left_out(&self) {
        self.0.left_out.inc();
    }

    /// A cluster was excluded from a subscription for a while, since it flooded it.
    pub fn excluded(&self) {
        self.0.exclusions.inc();
    }

    /// A cluster was part of a fleet query, or a response came too late.
    pub fn answered(&self, outcome: &'static str) {
        self.0.answers.get_or_create(&One { outcome }).inc();
    }

    /// The last known deployments of a cluster were to be saved.
    pub fn kept(&self, outcome: &'static str) {
        self.0.inventory.get_or_create(&One { outcome }).inc();
    }

    /// A reader of an event stream has connected.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.0.readers.inc();
        Reader(self.0.readers.clone())
    }

    /// Sets the conditions of the aggregator: 1 for each of these, 0 for all other types.
    pub fn set_conditions(&self, raised: &[AggregatorCondition]) {
        for kind in AggregatorConditionType::ALL {
            let condition = kind.as_str();
            let label = ConditionLabel { condition };
            let is_raised = raised.iter().any(|condition| condition.kind == kind);
            let gauge = self.0.conditions.get_or_create(&label);
            gauge.set(i64::from(is_raised));
        }
    }

    /// Sets the size of the account's token: its revocations, its bytes, and its limit in bytes.
    pub fn set_account_usage(&self, revocations: usize, bytes: usize, limit: usize) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.0.revocations.set(number(revocations));
        self.0.account_token.set(number(bytes));
        self.0.account_token_limit.set(number(limit));
    }

    /// Sets how far the nats-server's clock is ahead of this machine's.
    pub fn set_clock_offset(&self, offset: SignedDuration) {
        self.0.clock_offset.set(offset.as_secs_f64());
    }

    /// Sets the size of a stream and its limit, in bytes.
    pub fn set_stream_level(&self, stream: &str, bytes: u64, max_bytes: u64) {
        let label = StreamLabel {
            stream: stream.to_owned(),
        };
        let number = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let gauge = self.0.stream_bytes.get_or_create(&label);
        gauge.set(number(bytes));
        let gauge = self.0.stream_max_bytes.get_or_create(&label);
        gauge.set(number(max_bytes));
    }

    /// All metrics as text in the OpenMetrics format, with the number of clusters by presence and of runs by state.
    ///
    /// # Errors
    /// When a series cannot be written, which is a bug.
    pub fn text(
        &self,
        clusters: impl IntoIterator<Item = (&'static str, i64)>,
        runs: impl IntoIterator<Item = (&'static str, i64)>,
        connected: bool,
    ) -> Result<String, std::fmt::Error> {
        for (presence, count) in clusters {
            let label = PresenceLabel { presence };
            self.0.clusters.get_or_create(&label).set(count);
        }
        for (state, count) in runs {
            self.0.runs.get_or_create(&StateLabel { state }).set(count);
        }
        self.0.connected.set(i64::from(connected));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl Series {
    fn register(&mut self, audit_unavailable: Counter) {
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        let registry = &mut self.registry;
        registry.register("build", "Version of this program", version);
        let (calls, seconds) = (self.calls.clone(), self.call_seconds.clone());
        registry.register("http_requests", "Answered HTTP requests", calls);
        let help = "Seconds until the response to a request began";
        registry.register("http_request_duration_seconds", help, seconds);
        let help = "Requests to the agent of one cluster, by verb and outcome";
        registry.register("bus_requests", help, self.bus_requests.clone());
        let help = "Heartbeats received";
        registry.register("heartbeats", help, self.heartbeats.clone());
        let help =
            "Messages of agents that were dropped unread because their cluster sent too many";
        registry.register("agent_messages_left_out", help, self.left_out.clone());
        let help = "How often a cluster was excluded from a subscription for a while because it flooded it";
        registry.register("cluster_exclusions", help, self.exclusions.clone());
        let help = "Clusters in fleet queries by the outcome of their response, and responses that came too late";
        registry.register("survey_answers", help, self.answers.clone());
        let help = "Writes of the last known deployments of clusters, by outcome";
        registry.register("inventory_writes", help, self.inventory.clone());
        let help = "Readers of event streams";
        registry.register("event_stream_readers", help, self.readers.clone());
        let help = "Clusters by presence, as their agents' heartbeats show it";
        registry.register("clusters", help, self.clusters.clone());
        let help = "Stored runs by state";
        registry.register("runs", help, self.runs.clone());
        let help = "Whether the bus answers";
        registry.register("bus_connected", help, self.connected.clone());
        let help = "Whether the aggregator has this condition (see GET /conditions)";
        registry.register("condition", help, self.conditions.clone());
        let help = "Revoked credentials in the account's token";
        registry.register("revocations", help, self.revocations.clone());
        let help = "Size of the account's token, which contains the list of revoked credentials";
        registry.register("account_token_bytes", help, self.account_token.clone());
        let help = "Largest allowed size of the account's token: the nats-server's max_payload";
        let limit = self.account_token_limit.clone();
        registry.register("account_token_limit_bytes", help, limit);
        let help = "How far the nats-server's clock is ahead of the aggregator's";
        let offset = self.clock_offset.clone();
        registry.register_with_unit("clock_offset", help, Unit::Seconds, offset);
        let help = "Bytes in each stream and bucket of JetStream";
        registry.register("stream_bytes", help, self.stream_bytes.clone());
        let help = "Size limit of each stream and bucket of JetStream; 0 if there is none";
        registry.register("stream_max_bytes", help, self.stream_max_bytes.clone());
        let help = "Lines of the audit that could not be written, each of which refused a request";
        registry.register("audit_unavailable", help, audit_unavailable);
    }
}
