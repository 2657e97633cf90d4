//! The reply subjects that an agent may answer on. The requester chooses the subject and the broker does not check it: an agent that
//! replied anywhere would lend its own permissions to anyone who may send it a request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Message, Subject};
use bus_schema::{ClusterName, subject};
use parking_lot::Mutex;
use tokio::time::Instant;

/// The minimum interval between log lines about refused requests.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Separates requests that may be answered from those that are refused without a reply.
pub struct ReplySubjects {
    cluster: ClusterName,
    refused: AtomicU64,
    logged: Mutex<Option<Instant>>,
}

impl ReplySubjects {
    /// For the agents of this cluster.
    pub fn of(cluster: ClusterName) -> Self {
        Self {
            cluster,
            refused: AtomicU64::new(0),
            logged: Mutex::default(),
        }
    }

    /// The subject to reply to; `None` if the request must not be carried out: it has no reply subject, or one that is not allowed.
    pub fn of_request(&self, request: &Message) -> Option<Subject> {
        let reply = request.reply.clone();
        let reply = reply.filter(|reply| subject::takes_replies(&self.cluster, reply));
        if reply.is_none() {
            self.refuse(request);
        }
        reply
    }

    fn refuse(&self, request: &Message) {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        let mut logged = self.logged.lock();
        if logged.is_some_and(|at| at.elapsed() < LOG_EVERY) {
            return;
        }
        *logged = Some(Instant::now());
        let (subject, reply) = (request.subject.as_str(), request.reply.as_deref());
        tracing::warn!(
            subject,
            reply,
            refused,
            "a request was not carried out: its reply subject is missing or is not an inbox; \
             use `nats req` with --inbox-prefix _INBOX.NAME"
        );
    }
}
