//! An attacker who holds the credential of a cluster's agent, and does not behave like an agent.

use async_nats::{Client, ConnectOptions, HeaderMap, Message, Subscriber};
use bus_schema::timing::HEARTBEAT_EVERY;
use bus_schema::{AnswerId, FleetQueryRequest, subject};
use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::service::PATIENCE;
use crate::stack::Stack;

pub struct Impostor {
    client: Client,
    name: String,
    questions: Option<Subscriber>,
    beating: Option<Running>,
}

/// Runs until it is dropped.
pub struct Running(JoinHandle<()>);

impl Impostor {
    /// Connects, and sends heartbeats as an agent of this cluster that supports these verbs.
    pub async fn heard(stack: &Stack, name: &str, verbs: &[&str]) -> Self {
        let creds = stack.nats.keys().agent_creds(name).expect("credentials");
        let options = ConnectOptions::with_credentials_file(creds).await;
        // By this name the server's disconnect event is attributed to an agent.
        let options = options
            .expect("credentials")
            .name(format!("agent {name} requests impostor"));
        let client = options.connect(stack.nats.url()).await;
        let client = client.expect("a connection");
        // Before the first heartbeat: once the aggregator knows of it, it must receive requests.
        let questions = client.subscribe(subject::FLEET_QUERY).await;
        let heartbeat = heartbeat(name, "up", verbs).to_string();
        let (beats, subject) = (client.clone(), format!("agent.{name}.heartbeat"));
        let beating = tokio::spawn(async move {
            let mut every = tokio::time::interval(HEARTBEAT_EVERY);
            loop {
                every.tick().await;
                let sent = beats.publish(subject.clone(), heartbeat.clone().into());
                sent.await.expect("a connection");
            }
        });
        Self {
            client,
            name: name.to_owned(),
            questions: Some(questions.expect("a subscription")),
            beating: Some(Running(beating)),
        }
    }

    /// Announces its shutdown, and stays.
    pub async fn leaves(&mut self) {
        self.beating = None;
        let heartbeat = heartbeat(&self.name, "leaving", &[]);
        self.say("heartbeat", heartbeat.to_string()).await;
    }

    /// Announces itself again, after all its earlier messages.
    pub async fn returns(&self) {
        let heartbeat = heartbeat(&self.name, "up", &[]);
        self.say("heartbeat", heartbeat.to_string()).await;
    }

    /// The messages on a subject of its cluster.
    pub async fn hears(&self, what: &str) -> Subscriber {
        let subject = format!("cluster.{}.{what}", self.name);
        let heard = self.client.subscribe(subject).await;
        heard.expect("a subscription")
    }

    /// Replies to the next request about a namespace; the aggregator's own requests are about all of them.
    pub async fn replies(&self, questions: &mut Subscriber, reply: impl Into<Bytes>) {
        self.replies_with(questions, HeaderMap::new(), reply).await;
    }

    /// The same with headers.
    pub async fn replies_with(
        &self,
        questions: &mut Subscriber,
        headers: HeaderMap,
        reply: impl Into<Bytes>,
    ) {
        let question = loop {
            let question = timeout(PATIENCE, questions.next()).await;
            let question = question.expect("a question in time").expect("a connection");
            let request: Value = serde_json::from_slice(&question.payload).expect("a request");
            if request["namespace"].is_string() {
                break question;
            }
        };
        let inbox = question.reply.expect("somebody waits");
        let replied = self
            .client
            .publish_with_headers(inbox, headers, reply.into());
        replied.await.expect("a connection");
    }

    pub async fn say(&self, what: &str, payload: impl Into<Bytes>) {
        let subject = format!("agent.{}.{what}", self.name);
        let said = self.client.publish(subject, payload.into()).await;
        said.expect("a connection");
    }

    /// Disconnects without an announcement.
    pub async fn dies(mut self) {
        self.beating = None;
        self.client.drain().await.expect("a connection");
    }

    /// The fleet queries; it does not respond to them by itself.
    pub fn questions(&mut self) -> Subscriber {
        self.questions.take().expect("they are taken once")
    }

    /// Responds to this query.
    pub async fn answer(&self, question: &Message, answer: String) {
        let request: FleetQueryRequest =
            serde_json::from_slice(&question.payload).expect("a question");
        let AnswerId {
            requester,
            question,
        } = request.answer;
        self.say(&format!("answer.{requester}.{question}"), answer)
            .await;
    }

    /// Sends all of these in response to each query.
    pub fn answers(&mut self, answers: Vec<String>) -> Running {
        let (mut questions, client, name) =
            (self.questions(), self.client.clone(), self.name.clone());
        Running(tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                let request: FleetQueryRequest =
                    serde_json::from_slice(&question.payload).expect("a question");
                let name = name.parse().expect("a name");
                for answer in &answers {
                    let to = subject::answer(&name, &request.answer);
                    let said = client.publish(to, answer.clone().into()).await;
                    said.expect("a connection");
                }
            }
        }))
    }

    /// Accepts every log stream, and sends no lines.
    pub async fn lets_follow(&self) -> Running {
        let (mut queries, client, name) = (
            self.hears("log").await,
            self.client.clone(),
            self.name.clone(),
        );
        Running(tokio::spawn(async move {
            for number in 0.. {
                let Some(question) = queries.next().await else {
                    return;
                };
                let reply = json!({"stream": format!("agent.{name}.stream.s{number}"), 
                    "credit": format!("cluster.{name}.credit.s{number}")});
                let inbox = question.reply.expect("somebody waits");
                let replied = client.publish(inbox, reply.to_string().into()).await;
                replied.expect("a connection");
            }
        }))
    }

    /// Responds to each query with a fault.
    pub fn refuses(&mut self, code: &'static str) -> Running {
        let (mut questions, client, name) =
            (self.questions(), self.client.clone(), self.name.clone());
        Running(tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                let request: FleetQueryRequest =
                    serde_json::from_slice(&question.payload).expect("a question");
                let to = subject::answer(&name.parse().expect("a name"), &request.answer);
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

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn heartbeat(name: &str, state: &str, verbs: &[&str]) -> Value {
    let now = jiff::Timestamp::now();
    json!({"instance": "impostor", "state": state, "sequence": 1, "sent_at": now, "started_at": now, "agent_version": "0.0.1",
        "verbs": verbs, "cluster_uid": name, "counts": {"namespaces": 0, "deployments": 0}, "changes": 0})
}

/// A deployment's line in a list.
fn line((namespace, name): &(&str, &str)) -> Value {
    json!({"namespace": namespace, "kind": "Deployment", "name": name, "replicas": 1, "ready": 1, "updated": 1, "available": 1,
        "images": ["evil:1"], "health": "healthy"})
}

/// Changes as an agent publishes them; the last one has this number.
pub fn changes(sequence: u64, items: &[(&str, &str)]) -> Value {
    let changed: Vec<Value> = items.iter().map(line).collect();
    json!({"instance": "impostor", "sequence": sequence, "changed": changed})
}

/// A response as an agent sends it, with deployments in these namespaces.
pub fn share(items: &[(&str, &str)]) -> Value {
    let items: Vec<Value> = items.iter().map(line).collect();
    json!({"items": items, "totals": {"workloads": items.len()}})
}
