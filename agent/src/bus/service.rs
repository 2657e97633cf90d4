//! The request server: answers the verbs, each on a subject of its own, all in the cluster's queue group.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_nats::connection::State;
use async_nats::{Client, Message, Subject};
use bus_schema::{Access, Fault, FaultCode, PERSON_REQUEST_BYTES, subject};
use futures::stream::{SelectAll, select_all};
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::discovery::Discovery;
use super::endpoint::{Endpoint, Requests};
use super::permits::Permits;
use super::reply::Reply;
use super::reply_subject::ReplySubjects;
use crate::agent::{Agent, Cx, Requester};
use crate::verb::{Route, Source};

/// Requests processed at the same time, for each source of replies.
const IN_HAND: usize = 64;

/// If all permits are in use for this long, the aggregator gets `busy`; a person gets it immediately, so that no person waits for
/// another.
const BUSY_AFTER: Duration = Duration::from_secs(1);

/// Receives requests and dispatches them to the verbs.
pub struct RequestServer {
    client: Client,
    tasks: TaskTracker,
    leaving: CancellationToken,
    cut_off: CancellationToken,
}

impl RequestServer {
    /// Opens all endpoints.
    pub async fn open(client: Client, agent: Arc<Agent>, routes: Vec<Route>) -> Result<Self> {
        let reply_subjects = Arc::new(ReplySubjects::of(agent.cluster.clone()));
        let (tasks, leaving, cut_off) = Default::default();
        let server = Self {
            client: client.clone(),
            tasks,
            leaving,
            cut_off,
        };
        let (mut endpoints, mut requests) = (Vec::new(), HashMap::<_, Vec<_>>::new());
        for route in routes {
            let source = route.source;
            let endpoint = Endpoint::new(&agent.cluster, route);
            for requester in [Requester::Aggregator, Requester::Person] {
                let opened = endpoint.open(&client, requester).await?;
                requests
                    .entry((source, requester))
                    .or_default()
                    .push(opened);
            }
            endpoints.push(endpoint);
        }
        let mut permits = HashMap::<Source, Permits>::new();
        for ((source, requester), requests) in requests {
            let permits = permits.entry(source);
            let worker = Worker {
                client: client.clone(),
                agent: agent.clone(),
                requester,
                reply_subjects: reply_subjects.clone(),
                permits: permits.or_insert_with(|| Permits::new(IN_HAND)).clone(),
                tasks: server.tasks.clone(),
                leaving: server.leaving.clone(),
            };
            let cut_off = server.cut_off.clone();
            server.tasks.spawn(async move {
                let serving = worker.serve(select_all(requests));
                cut_off.run_until_cancelled(serving).await;
            });
        }
        let discovery = Discovery::open(client, agent, endpoints, reply_subjects).await?;
        let leaving = server.leaving.clone();
        server
            .tasks
            .spawn(async move { leaving.run_until_cancelled(discovery.run()).await });
        Ok(server)
    }

    /// Accepts no more requests, and waits until those already received are answered.
    pub async fn close(self, within: Duration) {
        self.leaving.cancel();
        // The subscriptions end when the server confirms it. While disconnected it does not, but no requests arrive either.
        if self.client.connection_state() != State::Connected {
            self.cut_off.cancel();
        }
        self.tasks.close();
        if timeout(within, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                left = self.tasks.len(),
                "stopped before all requests were answered"
            );
        }
    }
}

#[derive(Clone)]
struct Worker {
    client: Client,
    agent: Arc<Agent>,
    requester: Requester,
    reply_subjects: Arc<ReplySubjects>,
    permits: Permits,
    tasks: TaskTracker,
    leaving: CancellationToken,
}

impl Worker {
    /// For the aggregator: acquires a permit, then takes the next request, then spawns a task for it; requests without a permit wait in
    /// the subscription. Requests of persons are taken immediately and refused if their share of the permits is in use.
    async fn serve(self, mut requests: SelectAll<Requests>) {
        let mut draining = false;
        loop {
            let waited = match self.requester {
                Requester::Aggregator => timeout(BUSY_AFTER, self.permits.acquire()).await.ok(),
                Requester::Person => None,
            };
            let next = tokio::select! {
                next = requests.next() => next,
                () = self.leaving.cancelled(), if !draining => {
                    draining = true;
                    for requests in requests.iter_mut() {
                        requests.drain().await;
                    }
                    continue;
                }
            };
            let Some((endpoint, request)) = next else {
                return;
            };
            let Some(reply_to) = self.reply_subjects.of_request(&request) else {
                endpoint.count(Some(&no_inbox()), Duration::ZERO);
                continue;
            };
            let permit = match self.requester {
                Requester::Aggregator => waited.or_else(|| self.permits.acquire().now_or_never()),
                Requester::Person => self.permits.try_acquire_for(subject::inbox_name(&reply_to)),
            };
            let Some(permit) = permit else {
                // Not in a task of its own: a flood of messages would spawn as many tasks.
                self.reply(&endpoint, &request, reply_to, busy()).await;
                continue;
            };
            let server = self.clone();
            self.tasks.spawn(async move {
                let answer = server.answer(&endpoint.route, &request).await;
                server.reply(&endpoint, &request, reply_to, answer).await;
                drop(permit);
            });
        }
    }

    /// Sends the reply, counts and logs it.
    async fn reply(
        &self,
        endpoint: &Endpoint,
        request: &Message,
        reply_to: Subject,
        (answer, took): Answered,
    ) {
        let route = &endpoint.route;
        endpoint.count(answer.as_ref().err(), took);
        log(route, &answer, took);
        let headers = request.headers.as_ref();
        let reply = Reply::of(answer, headers, self.client.max_payload());
        let sent = self
            .client
            .publish_with_headers(reply_to, reply.headers, reply.body);
        if let Err(error) = sent.await {
            tracing::warn!(verb = route.verb.name, %error, "cannot send a response");
        }
    }

    /// A handler that panics must neither leave the requester waiting nor crash the agent.
    async fn answer(&self, route: &Route, request: &Message) -> Answered {
        let begun = Instant::now();
        // The broker already rejects larger requests with a person's credential.
        if self.requester == Requester::Person && request.payload.len() > PERSON_REQUEST_BYTES {
            let message = format!("the payload is larger than {PERSON_REQUEST_BYTES} bytes");
            let fault = Fault::new(FaultCode::InvalidRequest, message);
            return (Err(fault), begun.elapsed());
        }
        let cx = Cx {
            agent: self.agent.clone(),
            requester: self.requester,
            until: begun,
        };
        let answer = route.answer(cx, request.payload.clone());
        let answer = AssertUnwindSafe(answer)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                tracing::error!(verb = route.verb.name, "a handler panicked");
                Err(Fault::new(
                    FaultCode::Internal,
                    "internal error of the agent; see its log",
                ))
            });
        (answer, begun.elapsed())
    }
}

/// A reply, and how long it took.
type Answered = (Result<Vec<u8>, Fault>, Duration);

fn busy() -> Answered {
    let message = "too many requests are in progress; try again";
    (Err(Fault::new(FaultCode::Busy, message)), Duration::ZERO)
}

/// The fault that is counted for a request that is neither carried out nor answered.
fn no_inbox() -> Fault {
    Fault::new(
        FaultCode::InvalidRequest,
        "the reply subject is missing or is not an inbox",
    )
}

fn log(route: &Route, answer: &Result<Vec<u8>, Fault>, took: Duration) {
    let (verb, took) = (route.verb.name, took.as_secs_f64() * 1000.0);
    match answer {
        // A flood of them would flood the log too.
        Err(fault) if fault.code == FaultCode::Busy => tracing::debug!(verb, "busy"),
        Err(fault) => {
            let (code, reason) = (fault.code.as_str(), fault.message.as_str());
            tracing::info!(verb, code, reason, milliseconds = took, "refused");
        }
        Ok(_) if route.verb.access == Access::Write => {
            tracing::info!(verb, milliseconds = took, "done");
        }
        Ok(body) => tracing::debug!(verb, bytes = body.len(), milliseconds = took, "answered"),
    }
}
