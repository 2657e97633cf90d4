//! A client on the bus, and the broker's refusals.

use std::path::Path;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Subscriber};
use futures::{FutureExt as _, StreamExt as _};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use xtask::nats_server::NatsServer;

pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Party {
    pub client: Client,
    refusals: UnboundedReceiver<String>,
}

pub async fn server() -> (NatsServer, TempDir) {
    let dir = TempDir::new().expect("a directory");
    let server = NatsServer::start(dir.path()).await;
    (server.expect("a nats-server"), dir)
}

impl Party {
    pub async fn with(server: &NatsServer, creds: &Path, inbox_prefix: &str) -> Self {
        let (refusal, refusals) = unbounded_channel();
        let options = ConnectOptions::with_credentials_file(creds).await;
        let options = options
            .expect("credentials")
            .custom_inbox_prefix(inbox_prefix)
            .event_callback(move |event| {
                let refusal = refusal.clone();
                async move {
                    if let Event::ServerError(error) = event {
                        drop(refusal.send(error.to_string()));
                    }
                }
            });
        let client = options.connect(server.url()).await.expect("accepted");
        Self { client, refusals }
    }

    /// A client with all permissions.
    pub async fn admin(server: &NatsServer) -> Self {
        let creds = server.keys().admin_creds().expect("credentials");
        Self::with(server, &creds, "_INBOX").await
    }

    pub async fn agent(server: &NatsServer, cluster: &str) -> Self {
        let creds = server.keys().agent_creds(cluster).expect("credentials");
        Self::with(server, &creds, "_INBOX_agent").await
    }

    /// Subscribes, and waits for the refusal.
    pub async fn may_not_hear(&mut self, subject: &str) -> Subscriber {
        let subscribed = self.client.subscribe(subject.to_owned()).await;
        self.refused("subscription", subject).await;
        subscribed.expect("the client itself allows it")
    }

    /// Publishes, and waits for the refusal.
    pub async fn may_not_say(&mut self, subject: &str) {
        let published = self
            .client
            .publish(subject.to_owned(), "forged".into())
            .await;
        published.expect("the client itself allows it");
        self.refused("publish", subject).await;
    }

    pub async fn says(&self, subject: &str, what: &'static str) {
        let said = self.client.publish(subject.to_owned(), what.into()).await;
        said.expect("the client itself allows it");
    }

    async fn refused(&mut self, act: &str, subject: &str) {
        let refusal = timeout(PATIENCE, self.refusals.recv()).await;
        let refusal = refusal.unwrap_or_else(|_| panic!("{act} of {subject} was not refused"));
        let refusal = refusal.expect("the client lives").to_lowercase();
        let expected = format!(
            "permissions violation for {act} to \"{}\"",
            subject.to_lowercase()
        );
        assert!(refusal.contains(&expected), "{expected}: {refusal}");
    }
}

/// The messages received so far.
pub fn heard(subscriber: &mut Subscriber) -> Vec<String> {
    let mut heard = Vec::new();
    while let Some(Some(message)) = subscriber.next().now_or_never() {
        heard.push(message.subject.to_string());
    }
    heard
}

/// Waits for a message on this subject; returns the messages before it.
pub async fn until(subscriber: &mut Subscriber, subject: &str) -> Vec<String> {
    let mut before = Vec::new();
    loop {
        let message = timeout(PATIENCE, subscriber.next()).await;
        let message = message.unwrap_or_else(|_| panic!("{subject} does not come: {before:?}"));
        let message = message.expect("the subscription stands");
        if message.subject.as_str() == subject {
            return before;
        }
        before.push(message.subject.to_string());
    }
}
