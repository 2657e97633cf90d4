//! Writes refused sign-ins: the first of a network at once, the others as summaries.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use async_nats::jetstream::message::PublishMessage;
use parking_lot::MutexGuard;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use super::entry::shown_user;
use super::sums::{Sums, entry};
use super::{Audit, Entry, Refusal};

/// How often due summaries are written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Audit {
    /// Records a refused sign-in: at once if it is the first of its network within a minute, else summarised with others.
    pub async fn refused(&self, user: &str, address: IpAddr, refusal: Refusal) {
        let user = shown_user(user);
        let is_first = self.sums().add(address, refusal, &user, Instant::now());
        if is_first {
            let entry = entry(user, Some(address), refusal.to_string());
            self.write_refused(&entry).await;
        }
    }

    /// Writes each summary when it is due, forever.
    pub async fn write_sums(self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            self.end_sums(Some(Instant::now())).await;
        }
    }

    /// Writes all summaries, due or not, since the program is about to end.
    pub async fn finish(&self) {
        self.end_sums(None).await;
    }

    async fn end_sums(&self, now: Option<Instant>) {
        let ended = self.sums().end(now);
        for entry in ended {
            self.write_refused(&entry).await;
        }
    }

    async fn write_refused(&self, entry: &Entry) {
        let subject = "audit-refused.sign-in".to_owned();
        let written = self.write(subject, entry, PublishMessage::build()).await;
        if let Err(error) = written {
            let detail = entry.detail.as_deref().unwrap_or_default();
            warn!(%error, user = %entry.user, detail, "cannot record a refused sign-in in the audit");
        }
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock()
    }
}
