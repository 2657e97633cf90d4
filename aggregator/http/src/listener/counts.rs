//! Metrics of connections, for `GET /metrics`.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The connections of one listener. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct ConnectionCounts {
    pub(super) open: Gauge,
    pub(super) evicted: Counter,
    refused: Family<RefusedLabel, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabel {
    reason: &'static str,
}

impl ConnectionCounts {
    pub(super) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&RefusedLabel { reason }).inc();
    }

    pub fn register(&self, registry: &mut Registry) {
        let help = "Open connections to the API";
        registry.register("connections", help, self.open.clone());
        let help = "Idle connections that were closed to accept another one";
        registry.register("connections_evicted", help, self.evicted.clone());
        let help = "Connections that were refused: too many from their address, or all in use";
        registry.register("connections_refused", help, self.refused.clone());
    }
}
