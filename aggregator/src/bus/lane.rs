//! Where replies come in. A subscription for each request costs the server and both ends more than the request itself; the client's
//! own shared one keeps an entry for ever for each request that times out. So subscriptions are lent: one request at a time has one,
//! and a new name on it that nobody can guess, so that what comes late, or twice, is never taken for another's reply.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, Message, SubscribeError, Subscriber};
use futures::StreamExt as _;

/// So many subscriptions wait for the next request at most.
const IDLE: usize = 64;

/// Subscriptions that are free.
#[derive(Debug, Clone, Default)]
pub struct Lanes(Arc<Mutex<Vec<Lane>>>);

/// A subscription that one request has.
#[derive(Debug)]
pub struct Lane {
    /// What the names on it begin with.
    prefix: String,
    messages: Subscriber,
}

impl Lanes {
    /// A free one, or a new one.
    ///
    /// # Errors
    /// When the client cannot subscribe any more.
    pub async fn take(&self, client: &Client) -> Result<Lane, SubscribeError> {
        let free = self.free().pop();
        match free {
            Some(lane) => Ok(lane),
            None => Lane::open(client).await,
        }
    }

    /// Only of a request that had its reply: otherwise one may still come, and what is dropped ends the subscription.
    pub fn give_back(&self, lane: Lane) {
        let mut free = self.free();
        if free.len() < IDLE {
            free.push(lane);
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    async fn open(client: &Client) -> Result<Self, SubscribeError> {
        let prefix = client.new_inbox();
        let messages = client.subscribe(format!("{prefix}.*")).await?;
        Ok(Self { prefix, messages })
    }

    /// A name for one reply.
    pub fn name(&self) -> String {
        format!("{}.{:032x}", self.prefix, rand::random::<u128>())
    }

    /// What comes to this name; `None` when the client ends.
    pub async fn reply(&mut self, name: &str) -> Option<Message> {
        while let Some(message) = self.messages.next().await {
            if message.subject.as_str() == name {
                return Some(message);
            }
        }
        None
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
        let say = async |to: &str, what: &'static str| {
            client.publish(to.to_owned(), what.into()).await.unwrap();
        };
        let lanes = Lanes::default();

        let mut lane = lanes.take(&client).await.unwrap();
        let (first, prefix) = (lane.name(), lane.prefix.clone());
        say(&first, "first").await;
        assert_eq!(lane.reply(&first).await.unwrap().payload, "first");
        lanes.give_back(lane);

        let mut again = lanes.take(&client).await.unwrap();
        assert_eq!(again.prefix, prefix, "it is lent again");
        let other = lanes.take(&client).await.unwrap();
        assert_ne!(other.prefix, prefix, "to one at a time");
        let second = again.name();
        say(&first, "first, twice").await;
        say(&format!("{prefix}.guessed"), "forged").await;
        say(&second, "second").await;
        assert_eq!(again.reply(&second).await.unwrap().payload, "second");
    }

    #[tokio::test]
    async fn no_more_are_kept_than_are_of_use() {
        let (_bus, client) = bus().await;
        let (lanes, mut taken) = (Lanes::default(), Vec::new());
        for _ in 0..=IDLE {
            taken.push(lanes.take(&client).await.unwrap());
        }
        taken.into_iter().for_each(|lane| lanes.give_back(lane));
        assert_eq!(lanes.free().len(), IDLE);
    }
}
