//! The request server: answers the verbs, each on a subject of its own, all in the cluster's queue group.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_nats::connection::State;
use async_nats::{Client, Message, Subject};
use bus_schema::{Access, Fault, FaultCode};
use futures::stream::{SelectAll, select_all};
use futures::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::discovery::Discovery;
use super::endpoint::{Endpoint, Requests};
use super::reply::Reply;
use super::reply_subject::ReplySubjects;
use crate::agent::{Agent, Cx};
use crate::verb::{Route, Source};

/// Requests in hand for each source of answers.
const IN_HAND: usize = 64;

/// With all places taken for this long, whoever comes is told so.
const BUSY_AFTER: Duration = Duration::from_secs(1);

/// Where requests come in.
pub struct Desk {
    client: Client,
    tasks: TaskTracker,
    leaving: CancellationToken,
    cut_off: CancellationToken,
}

impl Desk {
    /// Opens all endpoints.
    pub async fn open(client: Client, agent: Arc<Agent>, routes: Vec<Route>) -> Result<Self> {
        let reply_subjects = Arc::new(ReplySubjects::of(agent.cluster.clone()));
        let (tasks, leaving, cut_off) = Default::default();
        let desk = Self {
            client: client.clone(),
            tasks,
            leaving,
            cut_off,
        };
        let (mut endpoints, mut requests) = (Vec::new(), HashMap::<Source, Vec<_>>::new());
        for route in routes {
            let source = route.source;
            let endpoint = Endpoint::new(&agent.cluster, route);
            let opened = endpoint.open(&client).await?;
            requests.entry(source).or_default().push(opened);
            endpoints.push(endpoint);
        }
        for requests in requests.into_values() {
            let server = Server {
                client: client.clone(),
                agent: agent.clone(),
                reply_subjects: reply_subjects.clone(),
                places: Arc::new(Semaphore::new(IN_HAND)),
                tasks: desk.tasks.clone(),
                leaving: desk.leaving.clone(),
            };
            let cut_off = desk.cut_off.clone();
            desk.tasks.spawn(async move {
                let serving = server.serve(select_all(requests));
                cut_off.run_until_cancelled(serving).await;
            });
        }
        let discovery = Discovery::open(client, agent, endpoints, reply_subjects).await?;
        let leaving = desk.leaving.clone();
        desk.tasks
            .spawn(async move { leaving.run_until_cancelled(discovery.run()).await });
        Ok(desk)
    }

    /// Takes no more requests, and waits for the answers to those that have come.
    pub async fn close(self, within: Duration) {
        self.leaving.cancel();
        // The subscriptions end with the server's word, which does not come while the bus is away; nor does any request.
        if self.client.connection_state() != State::Connected {
            self.cut_off.cancel();
        }
        self.tasks.close();
        if timeout(within, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "requests are left unanswered");
        }
    }
}

#[derive(Clone)]
struct Server {
    client: Client,
    agent: Arc<Agent>,
    reply_subjects: Arc<ReplySubjects>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    leaving: CancellationToken,
}

impl Server {
    /// A place first, then the next request, then a task for it: what has no place waits in the subscription.
    async fn serve(self, mut requests: SelectAll<Requests>) {
        let mut draining = false;
        loop {
            let waited = timeout(BUSY_AFTER, self.places.clone().acquire_owned()).await;
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
            let place = match waited {
                Ok(place) => place.ok(),
                Err(_) => self.places.clone().try_acquire_owned().ok(),
            };
            let server = self.clone();
            self.tasks
                .spawn(async move { server.handle(&endpoint, request, reply_to, place).await });
        }
    }

    async fn handle(
        &self,
        endpoint: &Endpoint,
        request: Message,
        reply_to: Subject,
        place: Option<OwnedSemaphorePermit>,
    ) {
        let (begun, route) = (Instant::now(), &endpoint.route);
        let answer = match place {
            Some(_) => answer(self.agent.clone(), route, &request).await,
            None => Err(Fault::new(
                FaultCode::Busy,
                "too many requests are in hand; try again",
            )),
        };
        endpoint.count(answer.as_ref().err(), begun.elapsed());
        log(route, &answer, begun.elapsed());
        let headers = request.headers.as_ref();
        let reply = Reply::of(answer, headers, self.client.max_payload());
        let sent = self
            .client
            .publish_with_headers(reply_to, reply.headers, reply.body);
        if let Err(error) = sent.await {
            tracing::warn!(verb = route.verb.name, %error, "an answer cannot be sent");
        }
        drop(place);
    }
}

/// What is counted of a request that is not carried out and not answered.
fn no_inbox() -> Fault {
    Fault::new(
        FaultCode::InvalidRequest,
        "the reply subject is missing or is not an inbox",
    )
}

/// A handler that panics must not leave the requester waiting, nor take the agent down.
async fn answer(agent: Arc<Agent>, route: &Route, request: &Message) -> Result<Vec<u8>, Fault> {
    let until = Instant::now();
    let answer = route.answer(Cx { agent, until }, request.payload.clone());
    AssertUnwindSafe(answer)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            tracing::error!(verb = route.verb.name, "a handler panicked");
            Err(Fault::new(
                FaultCode::Internal,
                "the agent has a defect; its log has more",
            ))
        })
}

fn log(route: &Route, answer: &Result<Vec<u8>, Fault>, took: Duration) {
    let (verb, took) = (route.verb.name, took.as_secs_f64() * 1000.0);
    match answer {
        Err(fault) => {
            let (code, message) = (fault.code.as_str(), fault.message.as_str());
            tracing::info!(verb, code, message, milliseconds = took, "refused");
        }
        Ok(_) if route.verb.access == Access::Write => {
            tracing::info!(verb, milliseconds = took, "done");
        }
        Ok(body) => tracing::debug!(verb, bytes = body.len(), milliseconds = took, "answered"),
    }
}
