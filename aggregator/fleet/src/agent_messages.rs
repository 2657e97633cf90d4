//! Receives one kind of messages from the agents of all clusters, over one subscription. A cluster that floods it would crowd out the
//! others: the client drops messages when its buffer is full, and the broker closes a connection that is too slow. So such a cluster is
//! excluded for a while, and every other cluster gets its own subscription: NATS has no wildcard for "all but one", and messages
//! without a subscriber are dropped in the broker.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_nats::{Message, Subscriber};
use bus_schema::ClusterName;
use bus_schema::subject::{self, FromAgent};
use futures::stream::{ReadyChunks, SelectAll};
use futures::{Stream, StreamExt as _};
use tokio::time::{Interval, MissedTickBehavior};
use tracing::warn;

use super::SharedRegistry;
use super::exclusions::{Exclusions, Standing};
use super::rate_limit::{Admission, RateLimit, RateLimits};
use super::roll_call::call_the_roll;
use diagnostics::Metrics;
use storage::bus::Bus;

/// How often to check whether an excluded cluster is due for a trial or a new cluster has joined.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Messages that are taken from a subscription at once: polling all subscriptions costs more than a message.
const AT_ONCE: usize = 256;

/// A kind of messages.
#[derive(Debug)]
pub struct Kind {
    /// A plural noun, for logs.
    pub name: &'static str,
    /// The connection on which they arrive.
    pub bus: Bus,
    /// The subjects of all clusters.
    pub pattern: String,
    /// The queue group in which several replicas share them.
    pub queue: Option<&'static str>,
    /// The rate limit of each cluster.
    pub limit: RateLimit,
}

/// The received messages, within the limits.
pub struct AgentMessages {
    registry: Arc<SharedRegistry>,
    metrics: Metrics,
    kind: Kind,
    limits: RateLimits,
    exclusions: Exclusions,
    subscriptions: SelectAll<Subscription>,
    /// Taken from a subscription but not processed yet.
    taken: std::vec::IntoIter<Message>,
    /// The subscriptions that have not ended yet.
    subjects: BTreeSet<Subject>,
    /// The link's connection count when the subscriptions were last adjusted.
    connects: u64,
    looks: Interval,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    text: String,
    /// The broker ends the subscription after this many messages.
    most: Option<u64>,
}

struct Subscription {
    subject: Subject,
    messages: ReadyChunks<Subscriber>,
}

impl Stream for Subscription {
    type Item = Vec<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<Message>>> {
        self.messages.poll_next_unpin(cx)
    }
}

impl AgentMessages {
    /// Subscribes to the messages of all clusters; `None` when the client has ended.
    pub async fn open(
        registry: &Arc<SharedRegistry>,
        metrics: &Metrics,
        kind: Kind,
    ) -> Option<Self> {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut messages = Self {
            registry: Arc::clone(registry),
            metrics: metrics.clone(),
            limits: RateLimits::new(kind.limit),
            kind,
            exclusions: Exclusions::default(),
            subscriptions: SelectAll::new(),
            taken: Vec::new().into_iter(),
            subjects: BTreeSet::new(),
            connects: 0,
            looks,
        };
        messages.adjust().await?;
        Some(messages)
    }

    /// The next admitted message with its parsed subject; `None` when the client has ended.
    pub async fn next(&mut self) -> Option<(FromAgent, Message)> {
        loop {
            while let Some(message) = self.taken.next() {
                if let Some(from) = self.admit(&message) {
                    return Some((from, message));
                }
            }
            tokio::select! {
                Some(messages) = self.subscriptions.next() => self.taken = messages.into_iter(),
                _ = self.looks.tick() => {
                    self.adjust().await?;
                    if self.subscriptions.is_empty() && !self.subjects.is_empty() {
                        return None;
                    }
                }
            }
        }
    }

    /// The messages as a stream.
    pub fn stream(self) -> impl Stream<Item = (FromAgent, Message)> {
        futures::stream::unfold(self, |mut messages| async {
            messages.next().await.map(|message| (message, messages))
        })
    }

    /// The parsed subject of a message, if it is admitted.
    fn admit(&mut self, message: &Message) -> Option<FromAgent> {
        let from = subject::parse(&message.subject)?;
        let cluster = from.cluster();
        let now = Instant::now();
        let bytes = message.payload.len();
        let admission = match self.exclusions.standing(cluster, now) {
            // Sent before the broker processed the exclusion.
            Standing::Excluded => Admission::LeaveOut,
            Standing::OnTrial
                if self.exclusions.count_on_trial(cluster) >= self.kind.limit.on_trial() =>
            {
                Admission::Flood
            }
            Standing::OnTrial | Standing::Received => self.limits.take(cluster, bytes, now),
        };
        match admission {
            Admission::Read => return Some(from),
            Admission::Overflow => {
                let what = "exceeds the message limit; the excess is ignored";
                self.registry.protocol_violation(cluster, what, None);
            }
            Admission::Flood => self.exclude(cluster, now),
            Admission::LeaveOut => {}
        }
        self.metrics.left_out();
        None
    }

    fn exclude(&mut self, cluster: &ClusterName, now: Instant) {
        let length = self.exclusions.exclude(cluster, now);
        self.metrics.excluded();
        let (kind, seconds) = (self.kind.name, length.as_secs());
        let what = format!("floods the bus with {kind}, which are ignored for {seconds} s");
        warn!(%cluster, "an agent {what}");
        self.registry.change(cluster, |registry, now| {
            registry.protocol_violation_for(length, cluster, &what, now)
        });
        self.looks.reset_immediately();
    }

    /// Adjusts the subscriptions to the current exclusions.
    async fn adjust(&mut self) -> Option<()> {
        let (wanted, connects) = (self.wanted(), self.kind.bus.connects());
        if wanted == self.subjects && connects == self.connects {
            return Some(());
        }
        // Before the others end, so that no message is lost. Duplicates are recognised by their number.
        for subject in wanted.difference(&self.subjects) {
            let messages = self.subscribe(subject).await?.ready_chunks(AT_ONCE);
            let subject = subject.clone();
            self.subscriptions.push(Subscription { subject, messages });
        }
        for ended in self.subscriptions.iter_mut() {
            if !wanted.contains(&ended.subject) {
                ended.messages.get_mut().unsubscribe().await.ok()?;
            }
        }
        let is_trial = wanted.iter().any(|subject| subject.most.is_some());
        (self.subjects, self.connects) = (wanted, connects);
        if self.kind.pattern == subject::HEARTBEATS && !is_trial {
            // For messages that were lost in a flood or while disconnected, and for clusters that have just joined.
            call_the_roll(&self.kind.bus, &self.registry).await;
        }
        Some(())
    }

    async fn subscribe(&self, Subject { text, most }: &Subject) -> Option<Subscriber> {
        let Kind { bus, queue, .. } = &self.kind;
        let mut messages = match queue {
            Some(queue) => bus.queue_subscribe(text, queue).await?,
            None => bus.subscribe(text).await?,
        };
        if let Some(most) = most {
            messages.unsubscribe_after(*most).await.ok()?;
        }
        Some(messages)
    }

    fn wanted(&self) -> BTreeSet<Subject> {
        let (now, pattern) = (Instant::now(), &self.kind.pattern);
        if self.exclusions.are_none(now) {
            let text = pattern.clone();
            return BTreeSet::from([Subject { text, most: None }]);
        }
        let registry = self.registry.read();
        let subjects = registry.known_or_connected().filter_map(|cluster| {
            let most = match self.exclusions.standing(cluster, now) {
                Standing::Received => None,
                Standing::OnTrial => Some(self.kind.limit.on_trial() as u64),
                Standing::Excluded => return None,
            };
            let text = subject::of_cluster(pattern, cluster);
            Some(Subject { text, most })
        });
        subjects.collect()
    }
}
