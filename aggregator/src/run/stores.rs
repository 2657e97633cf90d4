//! All that is stored in JetStream, opened together.

use std::time::Duration;

use async_nats::jetstream;
use tracing::warn;

use audit::Audit;
use enrolment::{BusAccount, CredentialIssuer, Invitations};
use fleet::Clusters;
use fleet::inventory::Inventory;
use fleet::journal::{IdempotencyKeys, Journal};
use identity::sessions::Sessions;
use runs::RunStore;
use storage::StoreError;
use storage::bus::{Bus, BusClock};

/// What is stored in JetStream.
pub(super) struct Stores {
    pub audit: Audit,
    pub journal: Journal,
    pub idempotency_keys: IdempotencyKeys,
    pub inventory: Inventory,
    pub clusters: Clusters,
    pub sessions: Sessions,
    pub runs: RunStore,
    pub issuer: Option<(CredentialIssuer, Invitations)>,
}

impl Stores {
    /// Opens all of it; waits for as long as the bus is unreachable.
    pub async fn open(
        bus: &Bus,
        account: Option<&BusAccount>,
        replicas: usize,
        clock: &BusClock,
    ) -> Result<Self, StoreError> {
        loop {
            match Self::open_once(bus, account, replicas, clock).await {
                Err(error @ StoreError::NotOpened { .. }) => {
                    warn!(error = %anyhow::Error::from(error), "waiting for JetStream");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                done => return done,
            }
        }
    }

    async fn open_once(
        bus: &Bus,
        account: Option<&BusAccount>,
        replicas: usize,
        clock: &BusClock,
    ) -> Result<Self, StoreError> {
        let jetstream = jetstream::new(bus.client().clone());
        let issuer = match account {
            Some(account) => {
                // First of all: the permissions to open the rest may be among them.
                account.publish_permissions().await;
                let issuer = CredentialIssuer::open(account.clone(), &jetstream, replicas).await?;
                Some((issuer, Invitations::open(&jetstream, replicas).await?))
            }
            None => None,
        };
        let audit = Audit::open(&jetstream, replicas, clock.clone()).await?;
        Ok(Self {
            journal: Journal::open(&jetstream, replicas, audit.clone(), clock.clone()).await?,
            audit,
            idempotency_keys: IdempotencyKeys::open(&jetstream, replicas).await?,
            inventory: Inventory::open(&jetstream, replicas).await?,
            clusters: Clusters::open(&jetstream, replicas).await?,
            sessions: Sessions::open(&jetstream, replicas).await?,
            runs: RunStore::open(&jetstream, replicas).await?,
            issuer,
        })
    }
}
