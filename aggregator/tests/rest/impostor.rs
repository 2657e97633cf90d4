//! Whoever holds the credential of a cluster's agent, and does not behave as one.

use async_nats::{Client, ConnectOptions, HeaderMap, Subscriber};
use bus_schema::{SurveyDeployments, subject};
use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::stack::Stack;

pub struct Impostor {
    client: Client,
    name: String,
}

/// Answers until it is dropped.
pub struct Answering(JoinHandle<()>);

impl Impostor {
    /// Connected, and heard as an agent of this cluster that answers these verbs.
    pub async fn heard(stack: &Stack, name: &str, verbs: &[&str]) -> Self {
        let creds = stack.nats.keys().agent_creds(name).expect("credentials");
        let options = ConnectOptions::with_credentials_file(creds).await;
        // By this name the server's word of its end is known for an agent's.
        let options = options
            .expect("credentials")
            .name(format!("agent {name} requests impostor"));
        let client = options.connect(stack.nats.url()).await;
        let impostor = Self {
            client: client.expect("a connection"),
            name: name.to_owned(),
        };
        impostor.beat(verbs).await;
        impostor
    }

    async fn beat(&self, verbs: &[&str]) {
        let now = jiff::Timestamp::now();
        let heartbeat = json!({"instance": "impostor", "state": "up", "sequence": 1, "sent_at": now, "started_at": now,
            "agent_version": "0.0.1", "verbs": verbs, "cluster_uid": self.name, "counts": {"namespaces": 0, "deployments": 0}});
        self.say("heartbeat", heartbeat.to_string()).await;
    }

    async fn say(&self, what: &str, payload: impl Into<Bytes>) {
        let subject = format!("agent.{}.{what}", self.name);
        let said = self.client.publish(subject, payload.into()).await;
        said.expect("a connection");
    }

    /// Goes without a word.
    pub async fn dies(self) {
        self.client.drain().await.expect("a connection");
    }

    /// Hears the questions to all clusters; answers none of them.
    pub async fn questions(&self) -> Subscriber {
        let questions = self.client.subscribe(subject::SURVEY_DEPLOYMENTS).await;
        self.client.flush().await.expect("a connection");
        questions.expect("a subscription")
    }

    /// Answers each question with all of these.
    pub async fn answers(&self, answers: Vec<String>) -> Answering {
        let (mut questions, client, name) = (
            self.questions().await,
            self.client.clone(),
            self.name.clone(),
        );
        Answering(tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                let survey: SurveyDeployments =
                    serde_json::from_slice(&question.payload).expect("a question");
                let name = name.parse().expect("a name");
                for answer in &answers {
                    let to = subject::answer(&name, &survey.answer);
                    let said = client.publish(to, answer.clone().into()).await;
                    said.expect("a connection");
                }
            }
        }))
    }

    /// Answers each question with a fault.
    pub async fn refuses(&self, code: &'static str) -> Answering {
        let (mut questions, client, name) = (
            self.questions().await,
            self.client.clone(),
            self.name.clone(),
        );
        Answering(tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                let survey: SurveyDeployments =
                    serde_json::from_slice(&question.payload).expect("a question");
                let to = subject::answer(&name.parse().expect("a name"), &survey.answer);
                let mut headers = HeaderMap::new();
                headers.insert("Nats-Service-Error", "no");
                headers.insert("Nats-Service-Error-Code", "503");
                let body = json!({"code": code, "message": "no"}).to_string();
                let said = client.publish_with_headers(to, headers, body.into()).await;
                said.expect("a connection");
            }
        }))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer as an agent gives it, of deployments in these namespaces.
pub fn share(items: &[(&str, &str)]) -> Value {
    let item = |(namespace, name): &(&str, &str)| {
        json!({"namespace": namespace, "deployment_name": name, "replicas": 1, "ready": 1, "updated": 1, "available": 1,
            "images": ["evil:1"], "health": "healthy"})
    };
    let items: Vec<Value> = items.iter().map(item).collect();
    json!({"items": items, "totals": {"deployments": items.len()}})
}
