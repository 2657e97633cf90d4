//! The webhooks that are notified of runs.

use std::path::Path;

use aggregator_http::public_url::PublicUrl;
use notifications::{DeliveryMetrics, Notifier, RunLinks, Webhook};
use runs::RunStore;
use storage::bus::BusClock;

use diagnostics::Conditions;

/// What is read of them before the bus is there.
pub struct Webhooks {
    webhooks: Vec<Webhook>,
    links: RunLinks,
    pub metrics: DeliveryMetrics,
}

impl Webhooks {
    /// Reads the file, if there is one.
    pub fn read(file: Option<&Path>, public_url: Option<&PublicUrl>) -> anyhow::Result<Self> {
        let url = public_url.cloned();
        Ok(Self {
            webhooks: match file {
                Some(file) => notifications::read(file)?,
                None => Vec::new(),
            },
            links: Box::new(move |run| Some(url.as_ref()?.of_path(&format!("/ui/runs/{run}")))),
            metrics: DeliveryMetrics::default(),
        })
    }

    /// Begins to notify them.
    pub fn start(
        self,
        runs: &RunStore,
        clock: &BusClock,
        conditions: &Conditions,
    ) -> anyhow::Result<()> {
        let (clock, conditions) = (clock.clone(), conditions.clone());
        let notifier = Notifier::new(runs, clock, self.links, self.metrics, conditions);
        Ok(notifier.start(self.webhooks)?)
    }
}
