//! Fleet queries: received in the cluster's queue group and answered on a subject of this cluster, by which the requester knows the
//! responder. A reply to an inbox would not identify it.

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

/// Queries processed at the same time: each iterates over all workloads.
const IN_HAND: usize = 4;

/// The server of fleet queries.
pub struct FleetQueries {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl FleetQueries {
    /// Starts to answer queries.
    pub async fn open(client: Client, agent: Arc<Agent>) -> Result<Self> {
        let group = subject::queue_group(&agent.cluster);
        let questions = client.queue_subscribe(subject::FLEET_QUERY, group).await?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let server = Server {
            client,
            agent,
            permits: Arc::new(Semaphore::new(IN_HAND)),
            tasks: tasks.clone(),
        };
        tasks.spawn(server.serve(questions, stop.clone()));
        Ok(Self { stop, tasks })
    }

    /// Accepts no more queries, and answers those already received.
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
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Server {
    /// Acquires a permit first, then takes the next query: queries without a permit wait in the subscription and are dropped when it is
    /// full.
    async fn serve(self, mut questions: Subscriber, stop: CancellationToken) {
        while let Ok(permit) = self.permits.clone().acquire_owned().await {
            let question = tokio::select! {
                question = questions.next() => question,
                () = stop.cancelled() => break,
            };
            let Some(question) = question else { return };
            let server = self.clone();
            self.tasks.spawn(async move {
                server.answer(&question).await;
                drop(permit);
            });
        }
        // Queries that the server has already sent went to no other agent of the cluster. While disconnected, the server sends nothing
        // and would not confirm the end.
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
            // Perhaps the query of a newer requester: it gets a fault, if its reply subject can be parsed.
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

    /// This cluster's response; `None` if it must not answer. A panic must neither leave the requester waiting nor crash the agent.
    fn share(&self, request: FleetQueryRequest) -> Option<Result<Vec<u8>, Fault>> {
        let agent = &self.agent;
        let answer = || crate::fleet_query::workloads(&agent.caches, &agent.cluster, &request);
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

/// What all queries have in common.
#[derive(serde::Deserialize)]
struct Addressed {
    answer: AnswerId,
}
