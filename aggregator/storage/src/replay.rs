//! Reads a stream from its first message of interest on, and knows when all that was there has been read.

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::push::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Context, Message};
use futures::StreamExt as _;

/// Why a stream is not read any further.
pub type ReplayError = Box<dyn std::error::Error + Send + Sync>;

/// The messages that there are, and then each new one.
pub struct Replay {
    messages: Ordered,
    pending: u64,
}

impl Replay {
    /// Begins to read; `description` tells operators what the consumer is for.
    ///
    /// # Errors
    /// When JetStream does not answer.
    pub async fn open(
        jetstream: &Context,
        stream: &Stream,
        filter: String,
        deliver_policy: DeliverPolicy,
        description: &str,
    ) -> Result<Self, ReplayError> {
        let consumer = stream.create_consumer(OrderedConfig {
            deliver_subject: jetstream.client().new_inbox(),
            description: Some(description.to_owned()),
            filter_subject: filter,
            deliver_policy,
            ..OrderedConfig::default()
        });
        let consumer = consumer.await?;
        let pending = consumer.cached_info().num_pending;
        let messages = consumer.messages().await?;
        Ok(Self { messages, pending })
    }

    /// Whether all has been read that was there. The client's own watch of a bucket does not tell an empty one from one whose messages
    /// have not come yet.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.pending == 0
    }

    /// The next message and its sequence; waits for a new one after the last.
    ///
    /// # Errors
    /// When the stream cannot be followed any further.
    pub async fn next(&mut self) -> Result<(Message, u64), ReplayError> {
        let message = self.messages.next().await;
        let message = message.ok_or("the messages of the stream have ended")??;
        let info = message.info()?;
        let sequence = info.stream_sequence;
        self.pending = info.pending;
        Ok((message, sequence))
    }
}
