//! A question that is under way: who has answered what, and who is still waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::Message;
use bus_link::encoding;
use bus_schema::{ClusterName, SurveyDeployments, Surveyed};
use tokio::time::{Instant, interval_at, sleep_until};

use super::cursor;
use super::merge::Merge;
use super::page::AnswerState::{Answered, Misbehaving, Offline, Refused, TimedOut};
use super::page::{AnswerCounts, AnswerState, ClusterAnswer, FleetPage};
use super::room::Taken;
use super::totals::Sum;
use super::{FleetQuery, inspect};
use crate::bus::fault_in;
use crate::fleet::Fleet;
use crate::fleet::answers::Question;
use crate::grants::Grants;
use crate::problem::{Problem, ProblemCode};
use crate::registry::{Moment, Presence};

/// How often it is looked whether those who are waited for are still there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

const NO_ANSWER: &str = "answered a question to all clusters with what is no answer to it";

/// The most characters of an agent's own words that are passed on.
const WORDS: usize = 300;

pub struct Poll<'a> {
    fleet: &'a Fleet,
    grants: &'a Grants,
    query: &'a FleetQuery,
    begun: Instant,
    /// Who is still waited for.
    pending: BTreeSet<ClusterName>,
    states: BTreeMap<ClusterName, AnswerState>,
    shares: BTreeMap<ClusterName, (Surveyed, Taken)>,
}

impl<'a> Poll<'a> {
    pub fn new(fleet: &'a Fleet, grants: &'a Grants, query: &'a FleetQuery) -> Self {
        Self {
            fleet,
            grants,
            query,
            begun: Instant::now(),
            pending: BTreeSet::new(),
            states: BTreeMap::new(),
            shares: BTreeMap::new(),
        }
    }

    /// Takes in a cluster that the question is about: waits for it, unless its state is known already.
    pub fn expect(&mut self, cluster: ClusterName, state: Option<AnswerState>) {
        match state {
            Some(state) => drop(self.states.insert(cluster, state)),
            None => drop(self.pending.insert(cluster)),
        }
    }

    /// Who is waited for.
    pub fn pending(&self) -> impl Iterator<Item = ClusterName> {
        self.pending.iter().cloned()
    }

    /// Whether nobody is waited for.
    pub fn is_over(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes answers until nobody is waited for, or for as long as the query allows.
    pub async fn collect(&mut self, question: &mut Question<'_>, survey: &SurveyDeployments) {
        let deadline = self.begun + self.query.within;
        let mut look = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        while !self.is_over() {
            tokio::select! {
                Some((cluster, message)) = question.next() => self.hear(cluster, &message, survey),
                _ = look.tick() => self.give_up_the_gone(),
                () = sleep_until(deadline) => break,
            }
        }
        self.give_up_the_gone();
        for cluster in std::mem::take(&mut self.pending) {
            self.states.insert(cluster, TimedOut);
        }
    }

    fn hear(&mut self, cluster: ClusterName, message: &Message, survey: &SurveyDeployments) {
        self.pending.remove(&cluster);
        // One that has left meanwhile may still have answered.
        let before = self.states.get(&cluster);
        let state = if before.is_some_and(|state| !matches!(state, Offline { .. })) {
            // Nobody knows which of its answers is right.
            self.shares.remove(&cluster);
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
            self.read(&cluster, message, survey)
        };
        self.states.insert(cluster, state);
    }

    fn read(
        &mut self,
        cluster: &ClusterName,
        message: &Message,
        survey: &SurveyDeployments,
    ) -> AnswerState {
        let unpacked = encoding::unpack(message.payload.clone(), message.headers.as_ref());
        let payload = match unpacked {
            Ok(payload) => payload,
            Err(error) => return self.passed_over(cluster, &error.to_string()),
        };
        let Some(room) = self.fleet.answer_room.take(payload.len()) else {
            return Refused {
                code: ProblemCode::RateLimited,
                detail: "the aggregator has too many answers in hand; try again".to_owned(),
            };
        };
        match inspect::read(&payload, survey, cluster, self.grants) {
            Ok(share) => {
                let state = Answered {
                    milliseconds: u64::try_from(self.begun.elapsed().as_millis())
                        .unwrap_or(u64::MAX),
                    deployments: share.totals.deployments,
                    stale_seconds: share.stale_seconds,
                };
                self.shares.insert(cluster.clone(), (share, room));
                state
            }
            Err(detail) => self.passed_over(cluster, &detail),
        }
    }

    fn passed_over(&self, cluster: &ClusterName, why: &str) -> AnswerState {
        let detail: String = why.chars().take(WORDS).collect();
        tracing::debug!(%cluster, detail, "an answer to a survey is left out");
        self.fleet.misbehaves(cluster, NO_ANSWER, None);
        Misbehaving { detail }
    }

    /// Those who have left meanwhile will not answer any more.
    fn give_up_the_gone(&mut self) {
        let (registry, now) = (self.fleet.registry(), Moment::now());
        let states = &mut self.states;
        self.pending.retain(|cluster| {
            let gone = registry.presence(cluster, now) == Some(Presence::Offline);
            if gone {
                let last_seen = registry.last_seen(cluster);
                states.insert(cluster.clone(), Offline { last_seen });
            }
            !gone
        });
    }

    /// What has come, put together.
    pub fn page(self) -> FleetPage {
        let (mut merge, mut sum) = (Merge::new(self.query.sort), Sum::default());
        for (cluster, (share, _)) in self.shares {
            merge.add(&cluster, share.items, share.more);
            sum.add(share.totals);
        }
        let limit = usize::try_from(self.query.limit).unwrap_or(usize::MAX);
        let (items, after) = merge.page(limit);
        let clusters: Vec<ClusterAnswer> = self
            .states
            .into_iter()
            .map(|(cluster, state)| ClusterAnswer { cluster, state })
            .collect();
        FleetPage {
            items,
            next: after.map(|after| cursor::write(self.query, after)),
            totals: sum.totals(),
            answers: AnswerCounts::of(&clusters),
            clusters,
        }
    }
}
