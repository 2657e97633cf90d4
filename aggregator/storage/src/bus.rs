//! The link to NATS. Knows how requests fail in transit, and nothing of clusters or users.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, HeaderMap, Message, Request, RequestErrorKind, StatusCode, Subscriber};
use bus_link::{LameDuckHandler, encoding};
use bus_schema::{ClusterName, Fault, subject};
use bytes::Bytes;

mod clock;
mod connect;
mod replies;

pub use clock::BusClock;
pub use connect::ConnectError;
use replies::Replies;

/// A connection that reconnects automatically.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    /// The account that the credentials are for.
    account: Option<Arc<str>>,
    replies: Replies,
    _lame_duck: Arc<LameDuckHandler>,
}

/// Why a request has no reply.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The connection was down before anything was sent.
    #[error("the bus is unavailable")]
    Unavailable,
    /// Nothing subscribes to the subject.
    #[error("no responders")]
    NoResponders,
    /// There is a subscriber, which did not answer in time.
    #[error("no response in time")]
    TimedOut,
    /// The reply is a fault.
    #[error(transparent)]
    Fault(Fault),
}

impl BusError {
    /// As a metric label.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::NoResponders => "no_responders",
            Self::TimedOut => "timed_out",
            Self::Fault(_) => "fault",
        }
    }
}

/// How long a message may wait until it is sent.
const OUT_WITHIN: Duration = Duration::from_millis(250);

impl Bus {
    /// The client, for JetStream.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The public key of the account on the bus; none without credentials.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Whether requests can be sent now.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Number of connections made so far.
    #[must_use]
    pub fn connects(&self) -> u64 {
        let statistics = self.client.statistics();
        statistics.connects.load(Ordering::Relaxed)
    }

    /// Sends a request to the agents of a cluster and waits at most `within` for one reply, which may be compressed: see [`encoding`].
    ///
    /// # Errors
    /// See [`BusError`]. Only [`BusError::TimedOut`] leaves open whether the request was carried out.
    pub async fn request_agent(
        &self,
        cluster: &ClusterName,
        verb: &str,
        payload: Bytes,
        within: Duration,
    ) -> Result<Message, BusError> {
        // The client queues a request that is made while the link is down, and delivers it after its caller got an error.
        if !self.is_up() {
            return Err(BusError::Unavailable);
        }
        // The time-out covers sending as well: with a full queue, publishing blocks.
        let response = tokio::time::timeout(within, self.ask(cluster, verb, payload)).await;
        let message = response.map_err(|_| BusError::TimedOut)??;
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            return Err(BusError::NoResponders);
        }
        fault_in(&message).map_or(Ok(message), |fault| Err(BusError::Fault(fault)))
    }

    async fn ask(
        &self,
        cluster: &ClusterName,
        verb: &str,
        payload: Bytes,
    ) -> Result<Message, BusError> {
        let to = subject::aggregator_request(cluster, verb);
        let reply = self.ask_on(to, cluster, payload.clone()).await?;
        if reply.status != Some(StatusCode::NO_RESPONDERS) {
            return Ok(reply);
        }
        // No responders: there is no agent, or its version is older than this subject.
        let to = subject::request(cluster, verb);
        self.ask_on(to, cluster, payload).await
    }

    async fn ask_on(
        &self,
        to: String,
        cluster: &ClusterName,
        payload: Bytes,
    ) -> Result<Message, BusError> {
        let pending = self.replies.expect(&self.client, cluster).await;
        let pending = pending.map_err(|_| BusError::Unavailable)?;
        let reply_to = pending.subject().to_owned();
        self.client
            .publish_with_reply_and_headers(to, reply_to, encoding::accepting(), payload)
            .await
            .map_err(|_| BusError::Unavailable)?;
        pending.reply().await.ok_or(BusError::TimedOut)
    }

    /// Sends a request to the nats-server itself. The reply arrives on a separate inbox, to which no agent can publish.
    ///
    /// # Errors
    /// As [`request_agent`](Self::request_agent).
    pub async fn request(
        &self,
        subject: String,
        payload: Bytes,
        within: Duration,
    ) -> Result<Message, BusError> {
        if !self.is_up() {
            return Err(BusError::Unavailable);
        }
        // Not the client's shared subscription for replies: that keeps an entry for each request that times out.
        let request = Request::new()
            .inbox(self.client.new_inbox())
            .payload(payload)
            .timeout(Some(within));
        let response = self.client.send_request(subject, request);
        let response = tokio::time::timeout(within, response).await;
        let reply = response.map_err(|_| BusError::TimedOut)?;
        reply.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => BusError::NoResponders,
            RequestErrorKind::TimedOut => BusError::TimedOut,
            _ => BusError::Unavailable,
        })
    }

    /// Whether the server responds. A connection can stay open for half a minute after its other end has fallen silent.
    pub async fn answers(&self, within: Duration) -> bool {
        let response = self.request(subject::LIVENESS_PROBE.to_owned(), Bytes::new(), within);
        !matches!(
            response.await,
            Err(BusError::Unavailable | BusError::TimedOut)
        )
    }

    /// Publishes without waiting for a response; `false` if it cannot be sent now.
    pub async fn publish(&self, subject: String, payload: Bytes) -> bool {
        self.publish_with_headers(subject, HeaderMap::new(), payload)
            .await
    }

    /// The same for a request whose responses may be compressed.
    pub async fn publish_accepting(&self, subject: String, payload: Bytes) -> bool {
        self.publish_with_headers(subject, encoding::accepting(), payload)
            .await
    }

    async fn publish_with_headers(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
    ) -> bool {
        let publishing = self.client.publish_with_headers(subject, headers, payload);
        let published = tokio::time::timeout(OUT_WITHIN, publishing);
        self.is_up() && matches!(published.await, Ok(Ok(())))
    }

    /// Subscribes in a queue group, in which each message goes to one subscriber; `None` while the bus is unavailable.
    pub async fn queue_subscribe(&self, subject: &str, queue: &str) -> Option<Subscriber> {
        let subscribed = self
            .client
            .queue_subscribe(subject.to_owned(), queue.to_owned());
        subscribed.await.ok()
    }

    /// Subscribes; `None` while the bus is unavailable.
    pub async fn subscribe(&self, subject: &str) -> Option<Subscriber> {
        self.client.subscribe(subject.to_owned()).await.ok()
    }
}

/// The fault in a reply (ADR-32), if it is one: the header marks it, the body has the details.
pub fn fault_in(message: &Message) -> Option<Fault> {
    let headers: &HeaderMap = message.headers.as_ref()?;
    let code = headers.get(async_nats::service::NATS_SERVICE_ERROR_CODE)?;
    let said = headers.get(async_nats::service::NATS_SERVICE_ERROR);
    Some(
        serde_json::from_slice(&message.payload).unwrap_or_else(|_| {
            let text = said.map_or("the agent answered with an error", |value| value.as_str());
            Fault::new(
                bus_schema::FaultCode::Other(code.to_string()),
                text.to_owned(),
            )
        }),
    )
}
