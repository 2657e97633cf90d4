//! The service by which NATS knows the agent (`nats micro ls`): one endpoint a verb, all in the cluster's queue group.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result};
use async_nats::Client;
use async_nats::connection::State;
use async_nats::service::{Request, Service, ServiceExt};
use bus_schema::{Access, Fault, FaultCode, subject};
use futures::stream::{BoxStream, select_all};
use futures::{FutureExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::reply::Reply;
use crate::agent::{Agent, Cx};
use crate::verb::{Route, Source};

/// The name under which all agents are listed.
const NAME: &str = "agent";

/// Requests in hand for each source of answers.
const IN_HAND: usize = 64;

/// With all places taken for this long, whoever comes is told so.
const BUSY_AFTER: Duration = Duration::from_secs(1);

/// Where requests come in.
pub struct Desk {
    service: Service,
    client: Client,
    tasks: TaskTracker,
    cut_off: CancellationToken,
}

type Incoming = BoxStream<'static, (Arc<Route>, Request)>;

impl Desk {
    /// Opens all endpoints.
    pub async fn open(client: Client, agent: Arc<Agent>, routes: Vec<Route>) -> Result<Self> {
        let metadata = [
            ("cluster", agent.cluster.to_string()),
            ("instance", agent.instance.to_string()),
        ];
        let service = client
            .service_builder()
            .description("Answers for one Kubernetes cluster")
            .metadata(metadata.map(|(key, value)| (key.to_owned(), value)).into())
            .start(NAME, Agent::VERSION)
            .await
            .map_err(Error::from_boxed)?;
        let mut incoming: HashMap<Source, Vec<Incoming>> = HashMap::new();
        for route in routes {
            let (source, route) = (route.source, Arc::new(route));
            let endpoint = service
                .endpoint_builder()
                .name(route.verb.name)
                .queue_group(subject::queue_group(&agent.cluster))
                .add(subject::request(&agent.cluster, route.verb.name))
                .await
                .map_err(Error::from_boxed)?;
            let requests = endpoint
                .map(move |request| (route.clone(), request))
                .boxed();
            incoming.entry(source).or_default().push(requests);
        }
        let (tasks, cut_off) = (TaskTracker::new(), CancellationToken::new());
        for requests in incoming.into_values() {
            let server = Server {
                client: client.clone(),
                agent: agent.clone(),
                places: Arc::new(Semaphore::new(IN_HAND)),
                tasks: tasks.clone(),
            };
            let ended = cut_off.clone().cancelled_owned();
            let requests = select_all(requests).take_until(ended).boxed();
            tasks.spawn(server.serve(requests));
        }
        Ok(Self {
            service,
            client,
            tasks,
            cut_off,
        })
    }

    /// Takes no more requests, and waits for the answers to those that have come.
    pub async fn close(self, within: Duration) {
        if let Err(error) = self.service.stop().await {
            tracing::warn!(error, "the service does not stop");
        }
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

struct Server {
    client: Client,
    agent: Arc<Agent>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Server {
    /// A place first, then the next request, then a task for it: what has no place waits in the subscription.
    async fn serve(self, mut requests: Incoming) {
        loop {
            let waited = timeout(BUSY_AFTER, self.places.clone().acquire_owned()).await;
            let Some((route, request)) = requests.next().await else {
                return;
            };
            let place = match waited {
                Ok(place) => place.ok(),
                Err(_) => self.places.clone().try_acquire_owned().ok(),
            };
            self.tasks.spawn(handle(
                self.client.clone(),
                self.agent.clone(),
                route,
                request,
                place,
            ));
        }
    }
}

async fn handle(
    client: Client,
    agent: Arc<Agent>,
    route: Arc<Route>,
    request: Request,
    place: Option<OwnedSemaphorePermit>,
) {
    let begun = Instant::now();
    if request.message.reply.is_none() && route.verb.access == Access::Write {
        tracing::warn!(
            verb = route.verb.name,
            "ignored: nobody would hear the outcome"
        );
        return;
    }
    let answer = match place {
        Some(_) => answer(agent, &route, &request).await,
        None => Err(Fault::new(
            FaultCode::Busy,
            "too many requests are in hand; try again",
        )),
    };
    log(&route, &answer, begun.elapsed());
    let headers = request.message.headers.as_ref();
    let reply = Reply::of(answer, headers, client.max_payload());
    // The convention's own error reply has no body; ours has one, so it goes out as any reply, with the headers.
    let sent = request
        .respond_with_headers(Ok(reply.body), reply.headers)
        .await;
    if let Err(error) = sent
        && request.message.reply.is_some()
    {
        tracing::warn!(verb = route.verb.name, %error, "an answer cannot be sent");
    }
    drop(place);
}

/// A handler that panics must not leave its asker waiting, nor take the agent down.
async fn answer(agent: Arc<Agent>, route: &Route, request: &Request) -> Result<Vec<u8>, Fault> {
    let until = Instant::now();
    let answer = route.answer(Cx { agent, until }, request.message.payload.clone());
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
