//! Counters of notifications.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Notifications by webhook and result. The names of webhooks come from the file of the operator, so their number is bounded. Clones
/// share the counters.
#[derive(Debug, Clone, Default)]
pub struct DeliveryMetrics(Family<Labels, Counter>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    webhook: String,
    result: &'static str,
}

/// What became of a notification.
#[derive(Debug, Clone, Copy)]
pub enum DeliveryResult {
    /// It was accepted.
    Delivered,
    /// A try has failed; there will be another one.
    Failed,
    /// It was never accepted, and is too old now.
    Dropped,
}

impl DeliveryMetrics {
    /// Adds them to the metrics of the program.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Notifications of runs by webhook and result: delivered, failed (a try that is repeated), dropped";
        registry.register("notifications", help, self.0.clone());
    }

    pub(crate) fn count(&self, webhook: &str, result: DeliveryResult, count: u64) {
        let labels = Labels {
            webhook: webhook.to_owned(),
            result: match result {
                DeliveryResult::Delivered => "delivered",
                DeliveryResult::Failed => "failed",
                DeliveryResult::Dropped => "dropped",
            },
        };
        self.0.get_or_create(&labels).inc_by(count);
    }
}
