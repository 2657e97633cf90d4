//! The discovery endpoints of the services convention (ADR-32): ping (`nats micro ls`), info and stats. Not the client library's
//! implementation, which replies to any reply subject.

use std::sync::Arc;

use anyhow::Result;
use async_nats::{Client, Message, Subscriber};
use futures::StreamExt;
use futures::stream::{SelectAll, select_all};
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::reply_subject::ReplySubjects;
use crate::agent::Agent;

/// The name under which all agents are listed.
const NAME: &str = "agent";

const DESCRIPTION: &str = "Answers for one Kubernetes cluster";

/// One agent as the convention describes it.
pub struct Discovery {
    client: Client,
    agent: Arc<Agent>,
    endpoints: Vec<Arc<Endpoint>>,
    reply_subjects: Arc<ReplySubjects>,
    questions: SelectAll<Subscriber>,
}

impl Discovery {
    /// Subscribes; answers once it is run.
    pub async fn open(
        client: Client,
        agent: Arc<Agent>,
        endpoints: Vec<Arc<Endpoint>>,
        reply_subjects: Arc<ReplySubjects>,
    ) -> Result<Self> {
        let mut questions = Vec::new();
        for verb in ["PING", "INFO", "STATS"] {
            // To every service, to all agents, to this one.
            for whom in [
                String::new(),
                format!(".{NAME}"),
                format!(".{NAME}.{}", agent.instance),
            ] {
                questions.push(client.subscribe(format!("$SRV.{verb}{whom}")).await?);
            }
        }
        Ok(Self {
            client,
            agent,
            endpoints,
            reply_subjects,
            questions: select_all(questions),
        })
    }

    /// Answers until the client ends.
    pub async fn run(mut self) {
        while let Some(question) = self.questions.next().await {
            let Some(reply_to) = self.reply_subjects.of_request(&question) else {
                continue;
            };
            let answer = self.answer(&question).to_string();
            if let Err(error) = self.client.publish(reply_to, answer.into()).await {
                tracing::warn!(%error, "cannot send a response to $SRV");
            }
        }
    }

    fn answer(&self, question: &Message) -> Value {
        match question.subject.split('.').nth(1) {
            Some("INFO") => self.info(),
            Some("STATS") => self.stats(),
            _ => self.identity("ping"),
        }
    }

    fn identity(&self, kind: &str) -> Value {
        let agent = &self.agent;
        json!({
            "type": format!("io.nats.micro.v1.{kind}_response"),
            "name": NAME,
            "id": agent.instance,
            "version": Agent::VERSION,
            "metadata": { "cluster": agent.cluster, "instance": agent.instance },
        })
    }

    fn info(&self) -> Value {
        let endpoints = self.endpoints.iter().map(|endpoint| {
            json!({
                "name": endpoint.route.verb.name,
                "subject": endpoint.subject,
                "queue_group": endpoint.queue_group,
                "metadata": {},
            })
        });
        let mut info = self.identity("info");
        info["description"] = DESCRIPTION.into();
        info["endpoints"] = endpoints.collect();
        info
    }

    fn stats(&self) -> Value {
        let nanoseconds =
            |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let endpoints = self.endpoints.iter().map(|endpoint| {
            let counted = endpoint.counted();
            let processing = nanoseconds(counted.processing);
            json!({
                "name": endpoint.route.verb.name,
                "subject": endpoint.subject,
                "queue_group": endpoint.queue_group,
                "num_requests": counted.requests,
                "num_errors": counted.errors,
                "last_error": counted.last_error,
                "processing_time": processing,
                "average_processing_time": processing / counted.requests.max(1),
            })
        });
        let mut stats = self.identity("stats");
        stats["started"] = self.agent.started_at.to_string().into();
        stats["endpoints"] = endpoints.collect();
        stats
    }
}
