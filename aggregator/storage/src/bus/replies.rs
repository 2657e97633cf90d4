//! Receives the replies of agents. A subscription per request would cost the server and both ends more than the request itself; the client
//! library's shared one leaks an entry for each request that times out, and reveals the names of its other inboxes to agents. So there is
//! one subscription for all requests, which is read all the time, and an unguessable subject for each request: a reply that is late,
//! duplicated or unsolicited is dropped at once.

use std::collections::HashMap;
use std::sync::Arc;

use async_nats::{Client, Message, SubscribeError, Subscriber};
use bus_schema::{ClusterName, StreamId, subject};
use futures::StreamExt as _;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OnceCell, oneshot};
use tokio_util::task::AbortOnDropHandle;

/// The replies to this aggregator.
#[derive(Debug, Clone)]
pub struct Replies {
    requester: StreamId,
    pending: Arc<PendingReplies>,
    reading: Arc<OnceCell<AbortOnDropHandle<()>>>,
}

/// By the subject of each.
#[derive(Debug, Default)]
struct PendingReplies(Mutex<HashMap<String, oneshot::Sender<Message>>>);

/// A reply that is waited for, until this is dropped.
#[derive(Debug)]
pub struct PendingReply {
    subject: String,
    message: oneshot::Receiver<Message>,
    pending: Arc<PendingReplies>,
}

impl Replies {
    /// Without any expected reply.
    pub fn new() -> Self {
        let requester = format!("{:032x}", rand::random::<u128>());
        Self {
            requester: requester.parse().expect("hexadecimal digits are an id"),
            pending: Arc::default(),
            reading: Arc::default(),
        }
    }

    /// Expects one reply of this cluster. The broker processes the subscription before anything that the caller publishes next.
    ///
    /// # Errors
    /// When the client cannot subscribe any more.
    pub async fn expect(
        &self,
        client: &Client,
        cluster: &ClusterName,
    ) -> Result<PendingReply, SubscribeError> {
        let opened = self.reading.get_or_try_init(|| self.open(client)).await;
        opened.map(drop)?;
        let request = format!("{:032x}", rand::random::<u128>());
        let subject = subject::reply(cluster, &self.requester, &request);
        let (sender, message) = oneshot::channel();
        self.pending.lock().insert(subject.clone(), sender);
        Ok(PendingReply {
            subject,
            message,
            pending: Arc::clone(&self.pending),
        })
    }

    async fn open(&self, client: &Client) -> Result<AbortOnDropHandle<()>, SubscribeError> {
        let messages = client
            .subscribe(subject::replies_to(&self.requester))
            .await?;
        let reading = tokio::spawn(read(messages, Arc::clone(&self.pending)));
        Ok(AbortOnDropHandle::new(reading))
    }
}

async fn read(mut messages: Subscriber, pending: Arc<PendingReplies>) {
    while let Some(message) = messages.next().await {
        let waiting = pending.lock().remove(message.subject.as_str());
        if let Some(waiting) = waiting {
            // An error means that the caller has just stopped waiting.
            drop(waiting.send(message));
        }
    }
}

impl PendingReplies {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Message>>> {
        self.0.lock()
    }
}

impl PendingReply {
    /// The reply subject.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The reply; `None` when the client ends.
    pub async fn reply(mut self) -> Option<Message> {
        (&mut self.message).await.ok()
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        self.pending.lock().remove(&self.subject);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;
    use xtask::nats_server::NatsServer;

    async fn bus() -> ((NatsServer, TempDir), Client) {
        let dir = tempfile::tempdir().unwrap();
        let server = NatsServer::start(dir.path()).await.unwrap();
        let creds = server.keys().admin_creds().unwrap();
        let options = async_nats::ConnectOptions::with_credentials_file(creds).await;
        let client = options.unwrap().connect(server.url()).await.unwrap();
        ((server, dir), client)
    }

    #[tokio::test]
    async fn what_comes_for_an_earlier_request_is_not_the_reply_to_a_later_one() {
        let (_bus, client) = bus().await;
        let (replies, cluster) = (Replies::new(), "cluster-a".parse().unwrap());
        let say = async |to: &str, what: &'static str| {
            client.publish(to.to_owned(), what.into()).await.unwrap();
        };

        let first = replies.expect(&client, &cluster).await.unwrap();
        let name = first.subject().to_owned();
        say(&name, "first").await;
        assert_eq!(first.reply().await.unwrap().payload, "first");

        let second = replies.expect(&client, &cluster).await.unwrap();
        let prefix = name.rsplit_once('.').unwrap().0;
        let right = second.subject().to_owned();
        say(&name, "first, twice").await;
        say(&format!("{prefix}.guessed"), "forged").await;
        // The right name, said by another cluster: the broker lets an agent publish under its own alone.
        say(&right.replace("cluster-a", "cluster-b"), "forged").await;
        say(&right, "second").await;
        assert_eq!(second.reply().await.unwrap().payload, "second");
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_nothing_behind() {
        let (_bus, client) = bus().await;
        let (replies, cluster) = (Replies::new(), "cluster-a".parse().unwrap());
        let given_up = replies.expect(&client, &cluster).await.unwrap();
        let answered = replies.expect(&client, &cluster).await.unwrap();
        assert_eq!(replies.pending.lock().len(), 2);
        drop(given_up);
        let subject = answered.subject().to_owned();
        client.publish(subject, "".into()).await.unwrap();
        answered.reply().await.unwrap();
        assert!(replies.pending.lock().is_empty());
    }
}
