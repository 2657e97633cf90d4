//! One verb on the bus: its subject, its incoming requests, and their statistics as `nats micro stats` shows them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::{Client, Message, SubscribeError, Subscriber};
use bus_schema::{ClusterName, Fault, subject};
use futures::{Stream, StreamExt};
use parking_lot::Mutex;

use crate::agent::Requester;
use crate::verb::Route;

/// One verb.
pub struct Endpoint {
    pub route: Route,
    /// The subject for requests of persons.
    pub subject: String,
    aggregator_subject: String,
    pub queue_group: String,
    counted: Mutex<Counted>,
}

/// The requests answered since the agent started.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    pub requests: u64,
    pub errors: u64,
    /// The fault's code and message.
    pub last_error: String,
    pub processing: Duration,
}

/// The requests for one verb.
pub struct Requests {
    endpoint: Arc<Endpoint>,
    messages: Subscriber,
}

impl Endpoint {
    /// The endpoint of a verb for this cluster's agents.
    pub fn new(cluster: &ClusterName, route: Route) -> Arc<Self> {
        Arc::new(Self {
            subject: subject::request(cluster, route.verb.name),
            aggregator_subject: subject::aggregator_request(cluster, route.verb.name),
            queue_group: subject::queue_group(cluster),
            route,
            counted: Mutex::default(),
        })
    }

    /// Subscribes to the requests of these endpoints.
    pub async fn open(
        self: &Arc<Self>,
        client: &Client,
        requester: Requester,
    ) -> Result<Requests, SubscribeError> {
        let subject = match requester {
            Requester::Aggregator => self.aggregator_subject.clone(),
            Requester::Person => self.subject.clone(),
        };
        let group = self.queue_group.clone();
        Ok(Requests {
            endpoint: self.clone(),
            messages: client.queue_subscribe(subject, group).await?,
        })
    }

    /// Counts a request that was answered or rejected, with or without a reply.
    pub fn count(&self, fault: Option<&Fault>, took: Duration) {
        let mut counted = self.counted.lock();
        counted.requests += 1;
        counted.processing += took;
        if let Some(fault) = fault {
            counted.errors += 1;
            counted.last_error = format!("{}:{}", fault.code.status(), fault.header());
        }
    }

    /// The counts so far.
    pub fn counted(&self) -> Counted {
        let counted = self.counted.lock();
        counted.clone()
    }
}

impl Requests {
    /// Unsubscribes. Requests that the server has already sent are still received; then the stream ends.
    pub async fn drain(&mut self) {
        if let Err(error) = self.messages.drain().await {
            let subject = &self.endpoint.subject;
            tracing::warn!(subject, %error, "cannot unsubscribe");
        }
    }
}

impl Stream for Requests {
    type Item = (Arc<Endpoint>, Message);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = self.messages.poll_next_unpin(cx);
        message.map(|message| message.map(|message| (self.endpoint.clone(), message)))
    }
}
