//! Messages of one kind from the agents of all clusters, over one subscription. A cluster that floods it would drown out the others: the
//! client drops what it has no room for, and the broker cuts a connection that is too slow. So it is excluded for a while, and each other
//! cluster gets a subscription of its own: a subject for all but one does not exist, and what nobody subscribes to ends in the broker.

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

/// How often it is looked whether somebody is to be tried again, or has joined meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Messages that are taken from a subscription at once: to look at all subscriptions costs more than a message.
const AT_ONCE: usize = 256;

/// Which messages.
#[derive(Debug)]
pub struct Kind {
    /// In the plural, for people.
    pub name: &'static str,
    /// Over which they come.
    pub bus: Bus,
    /// The subjects of all clusters.
    pub pattern: String,
    /// In which several replicas share them.
    pub queue: Option<&'static str>,
    /// Of each cluster.
    pub limit: RateLimit,
}

/// What comes of them, within the limits.
pub struct AgentMessages {
    registry: Arc<SharedRegistry>,
    metrics: Metrics,
    kind: Kind,
    limits: RateLimits,
    exclusions: Exclusions,
    subscriptions: SelectAll<Subscription>,
    /// Taken from a subscription, and not looked at yet.
    taken: std::vec::IntoIter<Message>,
    /// Of those that are not ended yet.
    subjects: BTreeSet<Subject>,
    /// How often the link had been made when they were looked at.
    connects: u64,
    looks: Interval,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    text: String,
    /// After so many the broker itself ends it.
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
    /// Subscribes to those of all clusters; `None` when the client has ended.
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

    /// The next one that is to be read, and what its subject says; `None` when the client has ended.
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

    /// All of them, one after the other.
    pub fn stream(self) -> impl Stream<Item = (FromAgent, Message)> {
        futures::stream::unfold(self, |mut messages| async {
            messages.next().await.map(|message| (message, messages))
        })
    }

    /// What the subject says of a message that is to be read.
    fn admit(&mut self, message: &Message) -> Option<FromAgent> {
        let from = subject::parse(&message.subject)?;
        let cluster = from.cluster();
        let now = Instant::now();
        let bytes = message.payload.len();
        let admission = match self.exclusions.standing(cluster, now) {
            // Sent before the broker knew.
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
                let what = "sends more messages than an agent does, which are left out";
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

    /// Makes the subscriptions those that there should be.
    async fn adjust(&mut self) -> Option<()> {
        let (wanted, connects) = (self.wanted(), self.kind.bus.connects());
        if wanted == self.subjects && connects == self.connects {
            return Some(());
        }
        // Before the others end, so that nothing is missed. What comes twice is known by its number.
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
            // For those that were lost in a flood or before the link came back, and of clusters that have just joined.
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
        let subjects = registry.heard_or_connected().filter_map(|cluster| {
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
