//! Reads a stream from its first message of interest on, and detects when all existing messages have been read.

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::push::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Context, Message};
use futures::StreamExt as _;

/// Why reading a stream ended.
pub type ReplayError = Box<dyn std::error::Error + Send + Sync>;

/// The existing messages, then each new one.
pub struct Replay {
    messages: Ordered,
    pending: u64,
}

impl Replay {
    /// Begins to read; `description` is shown to operators as the purpose of the consumer.
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

    /// Whether all messages that existed at the start have been read. The client library's own watch of a bucket cannot distinguish an empty
    /// bucket from one whose messages have not arrived yet.
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
