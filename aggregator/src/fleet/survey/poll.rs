//! A question that is under way: who has answered what, and who is still waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::Message;
use bus_link::encoding;
use bus_schema::{ClusterName, SurveyDeployments, Totals};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, interval_at, sleep_until};

use super::cursor;
use super::known::KnownShare;
use super::merge::{Merge, Part};
use super::page::AnswerState::{Answered, Misbehaving, Offline, Refused, TimedOut};
use super::page::{AnswerCounts, AnswerState, Away, ClusterAnswer, FleetDeployment, FleetPage};
use super::room::Taken;
use super::totals::Sum;
use super::{FleetQuery, inspect};
use crate::bus::fault_in;
use crate::fleet::Fleet;
use crate::fleet::answers::Question;
use crate::grants::Grants;
use crate::problem::{Problem, ProblemCode};
use crate::registry::{Moment, Presence};

mod fill;

/// How often it is looked whether those who are waited for are still there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is said of a cluster whose last known deployments were not there by the deadline.
const NOT_READ: &str = "what was last known of it was not read in time";

const NO_ANSWER: &str = "answered a question to all clusters with what is no answer to it";

/// The most characters of an agent's own words that are passed on.
const WORDS: usize = 300;

pub struct Poll<'a> {
    fleet: &'a Fleet,
    grants: &'a Grants,
    query: &'a FleetQuery,
    begun: Instant,
    merge: Merge,
    /// Who is still waited for.
    pending: BTreeSet<ClusterName>,
    states: BTreeMap<ClusterName, AnswerState>,
    /// What has come, and what was last known of those who are away.
    parts: BTreeMap<ClusterName, Part>,
    totals: BTreeMap<ClusterName, Totals>,
    /// What all of it takes.
    rooms: Vec<Taken>,
    /// Who is away, and what was last known of them not read yet.
    unread: BTreeSet<ClusterName>,
}

/// What was last known of a cluster, as it is being read.
type Reading<'a> = BoxFuture<'a, (ClusterName, Result<Option<KnownShare>, String>)>;

impl<'a> Poll<'a> {
    pub fn new(fleet: &'a Fleet, grants: &'a Grants, query: &'a FleetQuery) -> Self {
        Self {
            fleet,
            grants,
            query,
            begun: Instant::now(),
            merge: Merge::new(
                query.sort,
                usize::try_from(query.limit).unwrap_or(usize::MAX),
            ),
            pending: BTreeSet::new(),
            states: BTreeMap::new(),
            parts: BTreeMap::new(),
            totals: BTreeMap::new(),
            rooms: Vec::new(),
            unread: BTreeSet::new(),
        }
    }

    /// Takes in a cluster that the question is about: waits for it, unless its state is known already.
    pub fn expect(&mut self, cluster: ClusterName, state: Option<AnswerState>) {
        let Some(state) = state else {
            self.pending.insert(cluster);
            return;
        };
        if matches!(state, Offline(_)) {
            self.unread.insert(cluster.clone());
        }
        self.states.insert(cluster, state);
    }

    /// Who is waited for.
    pub fn pending(&self) -> impl Iterator<Item = ClusterName> {
        self.pending.iter().cloned()
    }

    fn is_away(&self, cluster: &ClusterName) -> bool {
        matches!(self.states.get(cluster), Some(Offline(_)))
    }

    /// How many clusters may have something to show.
    pub fn shares(&self) -> usize {
        self.pending.len() + self.unread.len()
    }

    /// Takes answers, and reads what was last known of those who are away, until nobody is waited for, or for as long as the query
    /// allows.
    pub async fn collect(&mut self, question: &mut Question<'_>, survey: &SurveyDeployments) {
        let deadline = self.begun + self.query.within;
        let mut look = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        let fleet = self.fleet;
        let read = |cluster: ClusterName| -> Reading<'_> {
            Box::pin(async move {
                let share = fleet.known_share(&cluster, survey).await;
                (cluster, share)
            })
        };
        let mut reading: FuturesUnordered<_> = self.unread.iter().cloned().map(read).collect();
        while self.shares() > 0 {
            tokio::select! {
                Some((cluster, message)) = question.next() => self.hear(cluster, &message, survey),
                Some((cluster, share)) = reading.next() => self.learn(cluster, share),
                _ = look.tick() => reading.extend(self.give_up_the_gone().into_iter().map(read)),
                () = sleep_until(deadline) => break,
            }
        }
        self.give_up_the_gone();
        for cluster in self.unread.clone() {
            self.learn(cluster, Err(NOT_READ.to_owned()));
        }
        for cluster in std::mem::take(&mut self.pending) {
            self.states.insert(cluster, TimedOut);
        }
    }

    /// Takes in what was last known of a cluster, unless it is there after all.
    fn learn(&mut self, cluster: ClusterName, share: Result<Option<KnownShare>, String>) {
        self.unread.remove(&cluster);
        let Some(Offline(away)) = self.states.get_mut(&cluster) else {
            return;
        };
        match share {
            Ok(None) => {}
            Ok(Some(share)) => {
                away.as_of = Some(share.as_of);
                away.stale_seconds = Some(share.stale_seconds);
                away.deployments = Some(share.totals.deployments);
                away.truncated = share.truncated.then_some(true);
                self.parts.insert(cluster.clone(), share.part);
                self.totals.insert(cluster, share.totals);
                self.rooms.push(share.room);
            }
            Err(detail) => {
                tracing::debug!(%cluster, detail, "what was last known of a cluster is left out");
                away.detail = Some(detail);
            }
        }
    }

    fn hear(&mut self, cluster: ClusterName, message: &Message, survey: &SurveyDeployments) {
        self.pending.remove(&cluster);
        // One that has left meanwhile may still have answered.
        let before = self.states.get(&cluster);
        self.unread.remove(&cluster);
        let state = if before.is_some_and(|state| !matches!(state, Offline(_))) {
            // Nobody knows which of its answers is right.
            self.leave_out(&cluster);
            Misbehaving {
                detail: "it answered more than once".to_owned(),
            }
        } else if let Some(fault) = fault_in(message) {
            let problem = Problem::from(fault);
            Refused {
                code: problem.code,
                detail: problem.detail.chars().take(WORDS).collect(),
            }
        } else {
            self.leave_out(&cluster);
            self.answered(&cluster, message, survey)
        };
        self.states.insert(cluster, state);
    }

    fn leave_out(&mut self, cluster: &ClusterName) {
        self.parts.remove(cluster);
        self.totals.remove(cluster);
    }

    fn answered(
        &mut self,
        cluster: &ClusterName,
        message: &Message,
        survey: &SurveyDeployments,
    ) -> AnswerState {
        let share = match self.read(cluster, message, survey) {
            Ok(share) => share,
            Err(state) => return state,
        };
        let state = Answered {
            milliseconds: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            deployments: share.totals.deployments,
            stale_seconds: share.stale_seconds,
        };
        self.parts.insert(cluster.clone(), share.part);
        self.totals.insert(cluster.clone(), share.totals);
        state
    }

    /// A cluster's share, or what its row says instead.
    fn read(
        &mut self,
        cluster: &ClusterName,
        message: &Message,
        survey: &SurveyDeployments,
    ) -> Result<Read, AnswerState> {
        let unpacked = encoding::unpack(message.payload.clone(), message.headers.as_ref());
        let payload = unpacked.map_err(|error| self.passed_over(cluster, &error.to_string()))?;
        let Some(room) = self.fleet.answer_room.take(payload.len()) else {
            return Err(Refused {
                code: ProblemCode::RateLimited,
                detail: "the aggregator has too many answers in hand; try again".to_owned(),
            });
        };
        let share = inspect::read(&payload, survey, cluster, self.grants);
        let share = share.map_err(|detail| self.passed_over(cluster, &detail))?;
        self.rooms.push(room);
        let item = |item| FleetDeployment::now(cluster.clone(), item);
        Ok(Read {
            part: Part {
                items: share.items.into_iter().map(item).collect(),
                more: share.more,
            },
            totals: share.totals,
            stale_seconds: share.stale_seconds,
        })
    }

    fn passed_over(&self, cluster: &ClusterName, why: &str) -> AnswerState {
        let detail: String = why.chars().take(WORDS).collect();
        tracing::debug!(%cluster, detail, "an answer to a survey is left out");
        self.fleet.misbehaves(cluster, NO_ANSWER, None);
        Misbehaving { detail }
    }

    /// Those who have left meanwhile will not answer any more.
    fn give_up_the_gone(&mut self) -> Vec<ClusterName> {
        let (registry, now) = (self.fleet.registry(), Moment::now());
        let is_gone =
            |cluster: &&ClusterName| registry.presence(cluster, now) == Some(Presence::Offline);
        let gone: Vec<ClusterName> = self.pending.iter().filter(is_gone).cloned().collect();
        for cluster in &gone {
            self.pending.remove(cluster);
            let away = Away {
                last_seen: registry.last_seen(cluster),
                ..Away::default()
            };
            self.states.insert(cluster.clone(), Offline(away));
            self.unread.insert(cluster.clone());
        }
        gone
    }

    /// What has come, put together.
    pub fn page(self) -> FleetPage {
        let mut sum = Sum::default();
        self.totals.into_values().for_each(|totals| sum.add(totals));
        let (items, after) = self.merge.page(self.parts.into_values());
        let clusters: Vec<ClusterAnswer> = self
            .states
            .into_iter()
            .map(|(cluster, state)| ClusterAnswer { cluster, state })
            .collect();
        for ClusterAnswer { state, .. } in &clusters {
            self.fleet.metrics.answered(state.word());
        }
        FleetPage {
            items,
            next: after.map(|after| cursor::write(self.query, after)),
            totals: sum.totals(),
            answers: AnswerCounts::of(&clusters),
            clusters,
        }
    }
}

/// A cluster's answer.
struct Read {
    part: Part,
    totals: Totals,
    stale_seconds: Option<u64>,
}
