//! The task of one webhook. It takes the webhook's lease while something is to be delivered, so one replica delivers, and another takes
//! over from one that has died. What was delivered is stored after it was accepted: a message may come twice, but is not lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use storage::BucketError;
use tokio::time::{sleep, sleep_until, timeout};
use tracing::{debug, info, warn};

use crate::backoff::Backoff;
use crate::client::{Client, Outcome};
use crate::message::Message;
use crate::metrics::DeliveryResult;
use crate::notifier::Notifier;
use crate::outbox::{Pending, pending};
use crate::record::{KnownWebhook, WebhookKey};
use crate::webhook::Format;

/// Slack takes one message a second.
const SLACK_EVERY: Duration = Duration::from_secs(1);

/// The pause after the bus did not answer.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How often to look whether the lease is free.
const LEASE_EVERY: Duration = Duration::from_secs(1);

/// How often to look for notifications that are too old by now.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// The task of one webhook.
pub struct Deliverer {
    shared: Arc<Notifier>,
    client: Client,
    backoff: Backoff,
}

/// Why nothing more is delivered for now.
enum End {
    /// Nothing is pending.
    Nothing,
    /// The receiver wants no more messages.
    Gone,
}

impl Deliverer {
    pub fn new(shared: Arc<Notifier>, client: Client) -> Self {
        Self {
            shared,
            client,
            backoff: Backoff::new(Instant::now()),
        }
    }

    /// Delivers until the program ends, or the receiver wants no more messages.
    pub async fn run(mut self) {
        let key = WebhookKey::new(self.name());
        let since = self.known_since(&key).await;
        self.shared.synced().await;
        info!(webhook = self.name(), %since, "notifying of runs");
        let (mut runs, mut handled) = (self.shared.runs.changes(), self.shared.changes());
        loop {
            if !self.pending(since).is_empty()
                && let Some(End::Gone) = self.deliver_alone(&key, since).await
            {
                return;
            }
            if self.pending(since).is_empty() {
                tokio::select! {
                    _ = runs.changed() => {}
                    _ = handled.changed() => {}
                }
            }
        }
    }

    fn name(&self) -> &str {
        &self.client.webhook().name
    }

    /// Since when the webhook is known; from now on if it is new.
    async fn known_since(&self, key: &WebhookKey) -> Timestamp {
        let known = &self.shared.known;
        loop {
            let stored = match known.get_latest(key).await {
                Ok(entry) => match entry.record {
                    Ok(Some(known)) => return known.since,
                    Ok(None) => known.create(key, &KnownWebhook::new(self.now())).await,
                    Err(_) => known.put(key, &KnownWebhook::new(self.now())).await,
                },
                Err(error) => Err(error),
            };
            if let Err(error) = stored {
                debug!(webhook = self.name(), %error, "whether the webhook is known cannot be read");
                sleep(TRY_AGAIN_AFTER).await;
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    fn pending(&self, since: Timestamp) -> Vec<Pending> {
        let (webhook, runs) = (self.client.webhook(), self.shared.runs.all());
        pending(webhook, since, runs, |run| {
            self.shared.handled(&webhook.name, run)
        })
    }

    /// Delivers what is pending while this replica has the lease; `None` if it is lost, or another replica has delivered all.
    async fn deliver_alone(&mut self, key: &WebhookKey, since: Timestamp) -> Option<End> {
        self.restore(key, since).await;
        let (shared, known) = (Arc::clone(&self.shared), self.shared.known.clone());
        let wanted = || !self.pending(since).is_empty();
        let mut held = known.wait_for_lease(key, LEASE_EVERY, wanted).await?;
        let end = tokio::select! {
            end = self.deliver(since) => end,
            () = held.renew_until_lost() => {
                info!(webhook = self.name(), "another replica notifies the webhook");
                return None;
            }
        };
        // Another replica need not wait for the end of the term.
        if let Err(error) = held.complete(KnownWebhook::new(since)).await {
            debug!(webhook = self.name(), %error, "a lease was not released");
        }
        if matches!(end, End::Gone) {
            shared.set_gone(self.name());
        }
        Some(end)
    }

    /// Stores again that the webhook is known: the bucket drops what was not written for a month.
    async fn restore(&self, key: &WebhookKey, since: Timestamp) {
        if let Err(error @ BucketError::Unavailable { .. }) = self
            .shared
            .known
            .create(key, &KnownWebhook::new(since))
            .await
        {
            debug!(webhook = self.name(), %error, "the webhook was not stored");
        }
    }

    async fn deliver(&mut self, since: Timestamp) -> End {
        let mut changes = self.shared.runs.changes();
        loop {
            changes.mark_unchanged();
            let pending = self.drop_old(self.pending(since)).await;
            if pending.is_empty() {
                self.backoff.clear();
                return End::Nothing;
            }
            let now = Instant::now();
            let due = pending.iter().map(|it| (self.backoff.due(it), it));
            let Some((at, next)) = due.min_by_key(|(at, _)| (*at).max(now)) else {
                continue;
            };
            if at > now {
                let happened = async {
                    tokio::select! {
                        () = sleep_until(at.into()) => {}
                        _ = changes.changed() => {}
                    }
                };
                drop(timeout(LOOK_EVERY, happened).await);
                continue;
            }
            match self.deliver_one(next).await {
                Ok(Some(end)) => return end,
                Ok(None) => {}
                Err(error) => {
                    debug!(webhook = self.name(), %error, "what was delivered cannot be read or written");
                    sleep(TRY_AGAIN_AFTER).await;
                }
            }
        }
    }

    /// Sends one notification, if no other replica has meanwhile, and stores that it was delivered.
    async fn deliver_one(&mut self, pending: &Pending) -> Result<Option<End>, BucketError> {
        let shared = Arc::clone(&self.shared);
        let (run, transition) = (&*pending.run, &pending.transition);
        let webhook = self.name().to_owned();
        if shared.handled_now(&webhook, run).await? >= transition.number {
            return Ok(None);
        }
        let format = &self.client.webhook().format;
        let link = (shared.links)(&run.id);
        let message = Message::new(format, run, transition, link.as_deref());
        let outcome = self.client.send(&message, self.now()).await;
        if matches!(self.client.webhook().format, Format::Slack) {
            self.backoff.pause(SLACK_EVERY, Instant::now());
        }
        let (id, state) = (&run.id, transition.state);
        match outcome {
            Outcome::Delivered => {
                debug!(webhook, run = %id, ?state, "a webhook was notified");
                shared.metrics.count(&webhook, DeliveryResult::Delivered, 1);
                self.backoff.forget(id);
                self.set_handled(pending).await;
                Ok(None)
            }
            Outcome::Gone => {
                warn!(webhook, run = %id, "the receiver of a webhook has answered 410 Gone: it gets no more notifications until a restart");
                shared.metrics.count(&webhook, DeliveryResult::Failed, 1);
                Ok(Some(End::Gone))
            }
            Outcome::Failed { why, pause } => {
                shared.metrics.count(&webhook, DeliveryResult::Failed, 1);
                self.failed_once(pending, &why, pause);
                Ok(None)
            }
        }
    }

    fn failed_once(&mut self, pending: &Pending, why: &str, pause: Option<Duration>) {
        let (now, run) = (Instant::now(), &pending.run.id);
        let tries = self.backoff.fail(pending, now);
        if let Some(pause) = pause {
            self.backoff.pause(pause, now);
        }
        // Once for each notification, then whenever the number of tries has doubled.
        if tries.is_power_of_two() {
            let webhook = self.name();
            warn!(webhook, %run, tries, why, "a webhook was not notified; it is tried again");
        }
    }

    /// Drops notifications that are too old; returns the others.
    async fn drop_old(&mut self, pending: Vec<Pending>) -> Vec<Pending> {
        let now = self.now();
        let (old, pending): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|it| it.is_too_old(now));
        if !old.is_empty() {
            let (webhook, count) = (self.name(), old.len());
            warn!(
                webhook,
                count, "notifications were dropped: they could not be delivered for a day"
            );
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            self.shared
                .metrics
                .count(webhook, DeliveryResult::Dropped, count);
        }
        for pending in &old {
            self.set_handled(pending).await;
        }
        pending
    }

    /// Stores that a transition needs no delivery any more. Tried until it is done: otherwise the receiver would get it again.
    async fn set_handled(&self, pending: &Pending) {
        let (run, number) = (&pending.run, pending.transition.number);
        while let Err(error) = self.shared.set_handled(self.name(), run, number).await {
            debug!(webhook = self.name(), %error, "what was delivered cannot be written");
            sleep(TRY_AGAIN_AFTER).await;
        }
    }
}
