//! Parses the responses to a query, and holds the memory permits for them.

use async_nats::Message;
use bus_link::encoding;
use bus_schema::{ClusterName, FleetQueryRequest, Totals};
use tokio::time::Instant;

use super::super::merge::Part;
use super::super::names::Names;
use super::super::page::AnswerState::{Misbehaving, Refused, TimedOut};
use super::super::page::{AnswerState, ClusterAnswer};
use super::super::totals::{Counted, Images};
use super::super::{FleetQueries, inspect};
use crate::memory_budget::MemoryPermit;
use diagnostics::{Problem, ProblemCode};
use identity::Grants;
use storage::bus::fault_in;

const NO_ANSWER: &str = "sent an invalid response to a fleet query";

/// The maximum number of characters of an agent's message that are passed on.
const WORDS: usize = 300;

/// The permits of the parsed responses are held here too.
pub struct Reader<'a> {
    pub queries: &'a FleetQueries,
    pub grants: &'a Grants,
    pub begun: Instant,
    pub images: Images,
    pub names: Names,
    pub permits: Vec<MemoryPermit>,
}

/// A cluster's parsed response.
pub struct Read {
    pub part: Part,
    pub counted: Counted,
    pub stale_seconds: Option<u64>,
}

impl Reader<'_> {
    /// A cluster's parsed response, or the state that its row shows instead.
    pub fn read(
        &mut self,
        cluster: &ClusterName,
        message: &Message,
        request: &FleetQueryRequest,
    ) -> Result<Read, AnswerState> {
        if let Some(fault) = fault_in(message) {
            let problem = Problem::from(fault);
            return Err(Refused {
                code: problem.code,
                detail: problem.detail.chars().take(WORDS).collect(),
            });
        }
        let unpacked = encoding::unpack(message.payload.clone(), message.headers.as_ref());
        let payload = unpacked.map_err(|error| self.passed_over(cluster, &error.to_string()))?;
        let Some(permit) = self.queries.answer_memory.acquire(payload.len()) else {
            return Err(Refused {
                code: ProblemCode::RateLimited,
                detail: "the aggregator is processing too many responses; try again".to_owned(),
            });
        };
        let answer = inspect::read(&payload, request, cluster, self.grants);
        let answer = answer.map_err(|detail| self.passed_over(cluster, &detail))?;
        self.permits.push(permit);
        Ok(Read {
            part: answer.part,
            counted: self.count(answer.totals),
            stale_seconds: answer.stale_seconds,
        })
    }

    /// A cluster's totals, with shared names replaced by numbers.
    pub fn count(&mut self, mut totals: Totals<impl AsRef<str>>) -> Counted {
        let names = std::mem::take(&mut totals.names);
        let mut counted = self.images.count(totals);
        counted.names = self.names.count(names);
        counted
    }

    fn passed_over(&self, cluster: &ClusterName, why: &str) -> AnswerState {
        let detail: String = why.chars().take(WORDS).collect();
        tracing::debug!(%cluster, detail, "a response to a fleet query is ignored");
        self.queries
            .registry
            .protocol_violation(cluster, NO_ANSWER, None);
        Misbehaving { detail }
    }

    /// The final answer of a cluster.
    pub fn answer(&self, cluster: ClusterName, state: Option<AnswerState>) -> ClusterAnswer {
        let state = state.unwrap_or(TimedOut);
        self.queries.metrics.answered(state.as_str());
        ClusterAnswer { cluster, state }
    }

    pub fn milliseconds(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
