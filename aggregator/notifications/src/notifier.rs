//! Starts a task for each webhook, and mirrors what was handled.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use runs::{Run, RunId, RunStore};
use storage::bus::BusClock;
use storage::{Bucket, BucketError, WatchEvent};
use tokio::sync::watch;

use crate::client::{Client, ClientError};
use crate::deliver::Deliverer;
use crate::message::RunLinks;
use crate::metrics::DeliveryMetrics;
use crate::record::{KnownWebhook, Notified, NotifiedKey};
use crate::webhook::Webhook;
use diagnostics::{AggregatorConditionType, Conditions};

/// What the tasks of all webhooks share.
pub struct Notifier {
    pub(crate) runs: RunStore,
    pub(crate) known: Bucket<KnownWebhook>,
    pub(crate) clock: BusClock,
    pub(crate) links: RunLinks,
    pub(crate) metrics: DeliveryMetrics,
    notified: Bucket<Notified>,
    mirror: Mutex<BTreeMap<RunId, (u64, Notified)>>,
    changed: watch::Sender<u64>,
    /// Whether the mirror is complete.
    synced: watch::Sender<bool>,
    conditions: Conditions,
    gone: Mutex<Vec<String>>,
}

impl Notifier {
    /// Notifies webhooks of the runs in this store.
    #[must_use]
    pub fn new(
        runs: &RunStore,
        clock: BusClock,
        links: RunLinks,
        metrics: DeliveryMetrics,
        conditions: Conditions,
    ) -> Self {
        Self {
            runs: runs.clone(),
            known: runs.records(),
            notified: runs.records(),
            mirror: Mutex::default(),
            changed: watch::Sender::default(),
            synced: watch::Sender::default(),
            gone: Mutex::default(),
            clock,
            links,
            metrics,
            conditions,
        }
    }

    /// Notifies these webhooks until the program ends.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn start(self, webhooks: Vec<Webhook>) -> Result<(), ClientError> {
        let clients: Vec<_> = webhooks
            .into_iter()
            .map(Client::new)
            .collect::<Result<_, _>>()?;
        if clients.is_empty() {
            return Ok(());
        }
        let shared = Arc::new(self);
        let (watch, mirror) = (shared.notified.watch(), Arc::clone(&shared));
        tokio::spawn(watch.run(None, move |event| mirror.take(event)));
        for client in clients {
            tokio::spawn(Deliverer::new(Arc::clone(&shared), client).run());
        }
        Ok(())
    }

    /// The number of the last transition of a run that a webhook needs no more, as last mirrored.
    pub(crate) fn handled(&self, webhook: &str, run: &Run) -> u64 {
        let mirror = self.mirror.lock();
        let notified = mirror.get(&run.id);
        notified.map_or(0, |(_, notified)| number(notified, webhook))
    }

    /// The same, as it is stored now.
    pub(crate) async fn handled_now(&self, webhook: &str, run: &Run) -> Result<u64, BucketError> {
        let key = NotifiedKey::new(&run.id, 0);
        let entry = self.notified.get_latest(&key).await?;
        let revision = entry.revision;
        let notified = entry.record_or_default();
        let number = number(&notified, webhook);
        self.put(&run.id, notified, revision);
        Ok(number)
    }

    /// Stores that a webhook needs a transition of a run, and those before it, no more.
    pub(crate) async fn set_handled(
        &self,
        webhook: &str,
        run: &Run,
        handled: u64,
    ) -> Result<(), BucketError> {
        let key = NotifiedKey::new(&run.id, 0);
        let modified = self.notified.modify(&key, |entry| {
            let mut notified = entry.record_or_default();
            let number = notified.webhooks.entry(webhook.to_owned()).or_default();
            *number = handled.max(*number);
            Ok::<_, BucketError>((notified.clone(), notified))
        });
        let (notified, revision) = modified.await?;
        self.put(&run.id, notified, revision);
        Ok(())
    }

    /// Waits until it is known what was handled. Otherwise what is old and was delivered would seem to be dropped.
    pub(crate) async fn synced(&self) {
        let mut synced = self.synced.subscribe();
        let waited = synced.wait_for(|synced| *synced).await;
        drop(waited.expect("its sender is in this value"));
    }

    /// Notifies when something was handled, by any replica.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Says that a webhook wants no more messages.
    pub(crate) fn set_gone(&self, webhook: &str) {
        let mut gone = self.gone.lock();
        gone.push(webhook.to_owned());
        let message = format!(
            "the receivers of these webhooks have answered 410 Gone, and get no more notifications until the aggregator is restarted: {}. \
             Correct or remove them in the file of --notifications",
            gone.join(", ")
        );
        let kind = AggregatorConditionType::WebhookDisabled;
        self.conditions.raise(kind, message);
    }

    fn take(&self, event: WatchEvent<Notified>) {
        match event {
            WatchEvent::Replaced => self.mirror.lock().clear(),
            WatchEvent::Changed(key, entry) => match entry.record {
                Ok(Some(notified)) => self.put(&key.run, notified, entry.revision),
                _ => drop(self.mirror.lock().remove(&key.run)),
            },
            WatchEvent::Synced(snapshot) => {
                self.mirror.lock().retain(|run, (revision, _)| {
                    snapshot.has(&NotifiedKey::new(run, 0), *revision)
                });
                self.synced.send_replace(true);
            }
        }
        self.changed.send_modify(|count| *count += 1);
    }

    fn put(&self, run: &RunId, notified: Notified, revision: u64) {
        let mut mirror = self.mirror.lock();
        let newest = mirror.entry(run.clone()).or_default();
        if newest.0 < revision {
            *newest = (revision, notified);
        }
    }
}

fn number(notified: &Notified, webhook: &str) -> u64 {
    notified.webhooks.get(webhook).copied().unwrap_or_default()
}
