//! Questions to all clusters: heard in the cluster's queue group, answered on a subject of this cluster's own, by which the
//! asker knows who answers. A reply to an inbox would not tell.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_nats::connection::State;
use async_nats::{Client, Message, Subscriber};
use bus_schema::{AnswerId, Fault, FaultCode, FleetQueryRequest, subject};
use futures::StreamExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::reply::Reply;
use crate::agent::Agent;
use crate::verb::payload;

/// Questions in hand at the same time: each walks through all deployments.
const IN_HAND: usize = 4;

/// Where questions come in.
pub struct FleetQueries {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl FleetQueries {
    /// Begins to answer.
    pub async fn open(client: Client, agent: Arc<Agent>) -> Result<Self> {
        let group = subject::queue_group(&agent.cluster);
        let questions = client.queue_subscribe(subject::FLEET_QUERY, group).await?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let server = Server {
            client,
            agent,
            places: Arc::new(Semaphore::new(IN_HAND)),
            tasks: tasks.clone(),
        };
        tasks.spawn(server.serve(questions, stop.clone()));
        Ok(Self { stop, tasks })
    }

    /// Takes no more questions, and answers those that have come.
    pub async fn close(self, within: Duration) {
        self.stop.cancel();
        self.tasks.close();
        if timeout(within, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                left = self.tasks.len(),
                "stopped before all fleet queries were answered"
            );
        }
    }
}

#[derive(Clone)]
struct Server {
    client: Client,
    agent: Arc<Agent>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Server {
    /// A place first, then the next question: what has no place waits in the subscription, and is dropped when that is full.
    async fn serve(self, mut questions: Subscriber, stop: CancellationToken) {
        while let Ok(place) = self.places.clone().acquire_owned().await {
            let question = tokio::select! {
                question = questions.next() => question,
                () = stop.cancelled() => break,
            };
            let Some(question) = question else { return };
            let server = self.clone();
            self.tasks.spawn(async move {
                server.answer(&question).await;
                drop(place);
            });
        }
        // What the server has sent already was sent to no other agent of the cluster. While the bus is away it sends nothing, and
        // would not confirm the end.
        if self.client.connection_state() == State::Connected
            && questions.unsubscribe().await.is_ok()
        {
            while let Some(question) = questions.next().await {
                self.answer(&question).await;
            }
        }
    }

    async fn answer(&self, question: &Message) {
        let (to, answer) = match payload::read::<FleetQueryRequest>(&question.payload) {
            Ok(request) => (request.answer.clone(), self.share(request)),
            // One of a newer asker, say: it is told so, where it can be made out whom to tell.
            Err(fault) => match payload::read::<Addressed>(&question.payload) {
                Ok(Addressed { answer }) => (answer, Some(Err(fault))),
                Err(_) => {
                    tracing::debug!(%fault, "cannot parse a fleet query");
                    return;
                }
            },
        };
        let Some(answer) = answer else { return };
        if let Err(fault) = &answer {
            tracing::info!(
                code = fault.code.as_str(),
                reason = fault.message,
                "refused a fleet query"
            );
        }
        let headers = question.headers.as_ref();
        let reply = Reply::of(answer, headers, self.client.max_payload());
        let subject = subject::answer(&self.agent.cluster, &to);
        let sent = self
            .client
            .publish_with_headers(subject, reply.headers, reply.body);
        if let Err(error) = sent.await {
            tracing::warn!(%error, "cannot send a response");
        }
    }

    /// This cluster's answer; `None` where it is to be silent. A panic must not leave the asker waiting, nor take the agent down.
    fn share(&self, request: FleetQueryRequest) -> Option<Result<Vec<u8>, Fault>> {
        let agent = &self.agent;
        let answer = || crate::fleet_query::deployments(&agent.caches, &agent.cluster, &request);
        match std::panic::catch_unwind(AssertUnwindSafe(answer)) {
            Ok(answer) => answer,
            Err(_) => {
                tracing::error!("a fleet query panicked");
                let words = "internal error of the agent; see its log";
                Some(Err(Fault::new(FaultCode::Internal, words)))
            }
        }
    }
}

/// What all questions have in common.
#[derive(serde::Deserialize)]
struct Addressed {
    answer: AnswerId,
}
