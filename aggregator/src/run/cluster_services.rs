//! What goes to clusters and what comes from them: one value of each kind, over one link and one registry.

use std::sync::Arc;
use std::time::Duration;

use super::stores::Stores;
use diagnostics::Metrics;
use enrolment::{CredentialIssuer, Enrolment, Invitations};
use fleet::inventory::Inventory;
use fleet::journal::{self, Journal};
use fleet::{
    AgentLink, ChangeLimit, ClusterLabels, Clusters, Fleet, FleetQueries, Heartbeats,
    InventorySync, LogStreams, Protection, RenewalRequests, SharedRegistry,
};
use storage::BucketError;
use storage::bus::Bus;

/// All of them.
pub(super) struct ClusterServices {
    pub link: Arc<AgentLink>,
    pub registry: Arc<SharedRegistry>,
    pub fleet: Arc<Fleet>,
    pub queries: Arc<FleetQueries>,
    pub logs: LogStreams,
    pub labels: Arc<ClusterLabels>,
    pub change_limit: Arc<ChangeLimit>,
    clusters: Clusters,
    inventory: Inventory,
    journal: Journal,
    metrics: Metrics,
}

impl ClusterServices {
    /// Over a connection for requests and one for what is sent unasked.
    pub fn new(
        connections: (Bus, Bus),
        stores: &Stores,
        metrics: &Metrics,
        protection: Protection,
    ) -> Self {
        let link = Arc::new(AgentLink::new(connections, metrics.clone()));
        let registry: Arc<SharedRegistry> = Arc::default();
        let change_limit: Arc<ChangeLimit> = Arc::default();
        let fleet = Arc::new(Fleet::new(
            Arc::clone(&link),
            Arc::clone(&registry),
            stores.journal.clone(),
            Arc::clone(&change_limit),
            protection,
        ));
        Self {
            queries: Arc::new(FleetQueries::new(
                Arc::clone(&link),
                Arc::clone(&registry),
                stores.inventory.clone(),
                metrics.clone(),
            )),
            logs: LogStreams::new(Arc::clone(&fleet), Arc::clone(&link), Arc::clone(&registry)),
            labels: Arc::new(ClusterLabels::new(
                stores.clusters.clone(),
                Arc::clone(&registry),
                Arc::clone(&link),
                stores.journal.clone(),
                Arc::clone(&change_limit),
            )),
            link,
            registry,
            fleet,
            change_limit,
            clusters: stores.clusters.clone(),
            inventory: stores.inventory.clone(),
            journal: stores.journal.clone(),
            metrics: metrics.clone(),
        }
    }

    /// Who may enroll these clusters, with what makes credentials.
    pub fn enrolment(&self, issuer: Option<(CredentialIssuer, Invitations)>) -> Enrolment {
        Enrolment::new(
            self.clusters.clone(),
            Arc::clone(&self.registry),
            Arc::clone(&self.labels),
            self.journal.clone(),
            Arc::clone(&self.change_limit),
            issuer,
        )
    }

    /// What agents send to get a later end of their credentials.
    pub fn renewal_requests(&self) -> RenewalRequests {
        RenewalRequests::new(
            Arc::clone(&self.link),
            Arc::clone(&self.registry),
            self.metrics.clone(),
        )
    }

    /// Restores what was known of clusters, and begins to listen to them.
    ///
    /// # Errors
    /// When what is stored of clusters cannot be read.
    pub async fn start(&self, inventory_interval: Duration) -> Result<(), BucketError> {
        tokio::spawn(fleet::follow_forgotten(
            Arc::clone(&self.registry),
            self.inventory.clone(),
            self.clusters.clone(),
        ));
        self.clusters.restore(&self.registry).await?;
        // Before the first query.
        fleet::receive_responses(Arc::clone(&self.queries)).await;
        self.spawn_tasks(inventory_interval);
        Ok(())
    }

    fn spawn_tasks(&self, inventory_interval: Duration) {
        let (link, registry) = (&self.link, &self.registry);
        tokio::spawn(fleet::follow_labels(
            self.clusters.clone(),
            Arc::clone(registry),
        ));
        let heartbeats = Heartbeats::new(
            Arc::clone(link),
            Arc::clone(registry),
            self.clusters.clone(),
            self.journal.clone(),
            self.metrics.clone(),
        );
        tokio::spawn(heartbeats.receive());
        tokio::spawn(fleet::receive_changes(
            Arc::clone(link),
            Arc::clone(registry),
            self.metrics.clone(),
        ));
        tokio::spawn(fleet::watch_time(Arc::clone(registry)));
        tokio::spawn(fleet::watch_link(Arc::clone(link), Arc::clone(registry)));
        let sync = InventorySync::new(
            Arc::clone(link),
            Arc::clone(registry),
            self.inventory.clone(),
            self.metrics.clone(),
        );
        tokio::spawn(Arc::new(sync).sync_inventory(inventory_interval));
        let (journal, fleet) = (self.journal.clone(), Arc::clone(&self.fleet));
        tokio::spawn(journal::reconcile(journal, fleet));
    }
}
