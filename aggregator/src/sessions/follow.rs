//! Keeps the mirror like the bucket: all of it first, then each change. After every interruption all of it again, since a session
//! may have ended, or the bucket have been emptied or made anew, without any word of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::push::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::Stream as Bucket;
use async_nats::jetstream::{Context, Message, kv};
use futures::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

use super::mirror::Mirror;
use super::{BUCKET, SessionKey, Sessions, Settings};
use crate::store::{self, StoreError};

const READ_WITHIN: Duration = Duration::from_secs(30);
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How often to look whether the connection is still the same one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Somebody may empty the bucket with the server's own tools, of which followers are not told.
const READ_AGAIN_EVERY: Duration = Duration::from_secs(5 * 60);

/// Reads the whole bucket, and gives the future that keeps up with it.
pub(super) async fn begin(
    jetstream: Context,
    settings: Settings,
    mirror: Arc<Mirror>,
) -> Result<(kv::Store, impl Future<Output = ()> + use<>), StoreError> {
    let mut follower = Follower {
        jetstream,
        settings,
        mirror,
        incarnation: None,
    };
    let (bucket, changes) = follower.read().await?;
    Ok((bucket, follower.follow(changes)))
}

struct Follower {
    jetstream: Context,
    settings: Settings,
    mirror: Arc<Mirror>,
    /// When the bucket was made: revisions of another one mean nothing in this one.
    incarnation: Option<async_nats::datetime::DateTime>,
}

/// The changes after what was read, and the number of the connection over which they come.
struct Changes {
    messages: Ordered,
    connection: u64,
}

impl Follower {
    async fn follow(mut self, mut changes: Changes) {
        loop {
            let reason = self.apply(&mut changes).await;
            info!(reason, "reading all sessions again");
            changes = self.read_until_it_works().await;
        }
    }

    async fn read_until_it_works(&mut self) -> Changes {
        let mut told = false;
        loop {
            match self.read().await {
                Ok((_, changes)) => {
                    if told {
                        info!("the sessions are followed again");
                    }
                    return changes;
                }
                Err(error) if told => drop(error),
                Err(error) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "the sessions cannot be followed; sign-outs elsewhere are not seen here until they can"
                    );
                    told = true;
                }
            }
            sleep(TRY_AGAIN_AFTER).await;
        }
    }

    async fn read(&mut self) -> Result<(kv::Store, Changes), StoreError> {
        // On the heap, as in `store`: it is large.
        timeout(READ_WITHIN, Box::pin(self.read_all()))
            .await
            .unwrap_or_else(|_| Err(not_opened("the bucket was not read in time")))
    }

    async fn read_all(&mut self) -> Result<(kv::Store, Changes), StoreError> {
        let connection = self.connection();
        let bucket = store::open_kv(&self.jetstream, self.settings.bucket()).await?;
        let info = bucket.stream.cached_info();
        let (created, covered) = (info.created, info.state.last_sequence);
        let (mut messages, mut pending) = self.consume(&bucket.stream, &bucket.prefix).await?;
        let mut there = HashSet::new();
        while pending > 0 {
            let message = messages.next().await;
            let message = message.ok_or_else(|| not_opened("the bucket's messages ended"))?;
            let message = message.map_err(not_opened)?;
            pending = message.info().map_err(not_opened)?.pending;
            there.extend(self.take(&bucket.prefix, &message));
        }
        // A session that was made here since `covered` was read is not among them; its word is on the way.
        let same = self.incarnation.replace(created) == Some(created);
        self.mirror
            .retain(|key, revision| there.contains(key) || (same && revision > covered));
        let changes = Changes {
            messages,
            connection,
        };
        Ok((bucket, changes))
    }

    /// The last word about each key and then each new one, and how many words there are already. The client's own way to watch
    /// a bucket does not tell an empty one from one whose words have not come yet.
    async fn consume(&self, bucket: &Bucket, prefix: &str) -> Result<(Ordered, u64), StoreError> {
        let consumer = bucket.create_consumer(OrderedConfig {
            deliver_subject: self.jetstream.client().new_inbox(),
            description: Some("who is signed in".to_owned()),
            filter_subject: format!("{prefix}>"),
            deliver_policy: DeliverPolicy::LastPerSubject,
            ..OrderedConfig::default()
        });
        let consumer = consumer.await.map_err(not_opened)?;
        let pending = consumer.cached_info().num_pending;
        Ok((consumer.messages().await.map_err(not_opened)?, pending))
    }

    /// Goes on until all must be read again, and says why.
    async fn apply(&self, changes: &mut Changes) -> &'static str {
        let prefix = format!("$KV.{BUCKET}.");
        let since = Instant::now();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = changes.messages.next() => match message {
                    Some(Ok(message)) => drop(self.take(&prefix, &message)),
                    Some(Err(_)) | None => return "they could not be followed",
                },
                _ = looks.tick() => {
                    if self.connection() != changes.connection {
                        return "the connection is another one";
                    }
                    if since.elapsed() > READ_AGAIN_EVERY {
                        return "it is time to";
                    }
                }
            }
        }
    }

    /// Tells the mirror. The key, if it has a session now.
    fn take(&self, prefix: &str, message: &Message) -> Option<SessionKey> {
        let text = message.subject.strip_prefix(prefix)?;
        let revision = message.info().ok()?.stream_sequence;
        let parsed = match store::is_marker(message.headers.as_ref()) {
            true => None,
            false => Sessions::parse(text, &message.payload).ok(),
        };
        match parsed {
            Some((key, session)) => {
                self.mirror.put(key.clone(), revision, session);
                Some(key)
            }
            // Whatever has taken the place of a session has ended it.
            None => {
                self.mirror.forget(&text.parse().ok()?);
                None
            }
        }
    }

    /// Counts up with each connection.
    fn connection(&self) -> u64 {
        self.jetstream
            .client()
            .statistics()
            .connects
            .load(Ordering::Relaxed)
    }
}

fn not_opened(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::NotOpened {
        name: format!("the bucket {BUCKET}"),
        source: source.into(),
    }
}
