//! Fleet queries: one request to all clusters. The query waits for each cluster that the principal may see, until the deadline at most:
//! a slow cluster loses its own row, but never the whole result. The principal's scope is part of the request, and is enforced on the
//! responses again.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::{
    ClusterName, FleetQueryRequest, PAGE_BYTES, Pattern, Sort, SortKey, WorkloadFilter, subject,
};

use super::SharedRegistry;
use super::agent_link::AgentLink;
use super::inventory::Inventory;
use super::memory_budget::{ALL_ANSWERS_BYTES, ANSWER_BYTES, MemoryBudget};
use super::refusals::bus_unavailable;
use diagnostics::{Metrics, Problem, ProblemCode};
use identity::Principal;
use labels::ClusterSelector;
use registry::{Moment, Presence};

mod cursor;
mod gather;
mod inspect;
mod last_known;
mod merge;
mod names;
mod numbers;
mod page;
mod response_receiver;
mod responses;
mod totals;
mod wire;

pub use page::{
    AnswerCounts, AnswerState, ClusterAnswer, FleetGroups, FleetImage, FleetPage, FleetTotals,
    StaleNotice, WorkloadGroup, WorkloadVersion,
};

pub use response_receiver::receive_responses;

use AnswerState::{Offline, Refused};
use gather::Gather;
use responses::Responses;

/// The smallest share of a page for one cluster.
const LEAST_BYTES: usize = 16 * 1024;

/// A query to the fleet.
#[derive(Debug, Clone, Default)]
pub struct FleetQuery {
    /// Only these clusters; all if empty.
    pub clusters: Vec<Pattern>,
    /// Only clusters selected by their labels.
    pub cluster_labels: Option<ClusterSelector>,
    /// The filter.
    pub filter: WorkloadFilter,
    /// The sort order.
    pub sort: Sort,
    /// At most this many.
    pub limit: u32,
    /// The `continue` of the previous page.
    pub next: Option<String>,
    /// How long to wait for clusters.
    pub within: Duration,
    /// Whether the totals count images.
    pub count_images: bool,
    /// Whether to return groups of workloads by name instead of a list.
    pub count_names: bool,
}

/// Queries all clusters at once.
#[derive(Debug)]
pub struct FleetQueries {
    link: Arc<AgentLink>,
    registry: Arc<SharedRegistry>,
    metrics: Metrics,
    responses: Responses,
    inventory: Inventory,
    answer_memory: MemoryBudget,
}

impl FleetQueries {
    /// Queries over this link; the inventory answers for clusters that are offline.
    #[must_use]
    pub fn new(
        link: Arc<AgentLink>,
        registry: Arc<SharedRegistry>,
        inventory: Inventory,
        metrics: Metrics,
    ) -> Self {
        Self {
            link,
            registry,
            metrics,
            responses: Responses::new(),
            inventory,
            answer_memory: MemoryBudget::of(ALL_ANSWERS_BYTES),
        }
    }

    /// Queries all clusters that the principal may see for a page of their workloads.
    ///
    /// # Errors
    /// If the cursor does not belong to this query, or the bus is unavailable. Problems of a cluster are reported in its row.
    pub async fn query(
        &self,
        principal: &Principal,
        query: &FleetQuery,
    ) -> Result<FleetPage, Problem> {
        let after = cursor::read(query)?;
        let gather = self.gather(principal, query, after).await?;
        Ok(gather.page())
    }

    /// Queries all clusters that the principal may see for their workloads by name. Each page counts all of them again.
    ///
    /// # Errors
    /// As [`FleetQueries::query`].
    pub async fn query_groups(
        &self,
        principal: &Principal,
        query: &FleetQuery,
    ) -> Result<FleetGroups, Problem> {
        let after = cursor::read(query)?;
        let gather = self.gather(principal, query, None).await?;
        Ok(gather.groups(after.as_ref()))
    }

    /// Collects the responses to a query.
    async fn gather<'a>(
        &'a self,
        principal: &'a Principal,
        query: &'a FleetQuery,
        after: Option<SortKey>,
    ) -> Result<Gather<'a>, Problem> {
        let mut gather = Gather::new(self, &principal.grants, query);
        for (cluster, state) in self.roll(principal, query) {
            gather.expect(cluster, state);
        }
        if gather.open() == 0 {
            return Ok(gather);
        }
        let mut question = self.responses.expect(gather.pending());
        let clusters = gather.open();
        let meant = match &query.cluster_labels {
            None => query.clusters.clone(),
            // Agents do not know the labels of clusters.
            Some(_) => gather.clusters().map(Pattern::from).collect(),
        };
        let request = FleetQueryRequest {
            answer: question.id.clone(),
            scopes: principal.grants.scopes(FleetQueryRequest::RIGHT),
            clusters: meant,
            filter: query.filter.clone(),
            sort: query.sort,
            // Groups need no items, and the minimum is one.
            limit: if query.count_names {
                1
            } else {
                share_of_items(query.limit, clusters)
            },
            bytes: share_of_bytes(clusters),
            after,
            count_images: query.count_images,
            count_names: query.count_names,
        };
        if gather.pending().next().is_some() {
            self.put(&request, gather.pending()).await?;
        }
        gather.collect(&mut question, &request).await;
        drop(question);
        if !query.count_names {
            gather.fill(&request).await;
        }
        Ok(gather)
    }

    /// The clusters of the query, each with its state if that is known without a request.
    fn roll(
        &self,
        principal: &Principal,
        query: &FleetQuery,
    ) -> Vec<(ClusterName, Option<AnswerState>)> {
        let (registry, now) = (self.registry.read(), Moment::now());
        let labels = self.registry.current_labels();
        let meant = |name: &&ClusterName| {
            let selector = query.cluster_labels.as_ref();
            Pattern::any_or_all(&query.clusters, name.as_str())
                && selector.is_none_or(|selector| selector.selects(labels.of(name)))
        };
        let visible = registry.names().filter(meant);
        let visible = visible.filter(|name| principal.grants.sees(name));
        let verb = FleetQueryRequest::VERB;
        let known = |name: &ClusterName| match registry.presence(name, now) {
            Some(Presence::Offline) => Some(Offline(StaleNotice {
                last_seen: registry.last_seen(name),
                ..StaleNotice::default()
            })),
            _ if !registry.answers(name, verb) => Some(Refused {
                code: ProblemCode::AgentTooOld,
                detail: "its agent does not support these fleet queries yet; update it".to_owned(),
            }),
            _ => None,
        };
        visible.map(|name| (name.clone(), known(name))).collect()
    }

    /// Sends the request to these clusters.
    async fn put(
        &self,
        request: &FleetQueryRequest,
        clusters: impl Iterator<Item = ClusterName>,
    ) -> Result<(), Problem> {
        for payload in wire::payloads(request, clusters)? {
            let subject = subject::FLEET_QUERY.to_owned();
            // A request that is queued while the link is down would be answered after the query has ended.
            let bus = &self.link.bus;
            if self.link.is_cut_off() || !bus.publish_accepting(subject, payload.into()).await {
                return Err(bus_unavailable());
            }
        }
        Ok(())
    }
}

/// Four times an even share, so that the page is full unless clusters are very uneven; sending fewer is always correct.
fn share_of_items(limit: u32, clusters: usize) -> u32 {
    let clusters = u32::try_from(clusters).unwrap_or(u32::MAX).max(1);
    let even = limit.div_ceil(clusters);
    even.saturating_mul(4).min(limit)
}

fn share_of_bytes(clusters: usize) -> u32 {
    let share = (ANSWER_BYTES / clusters.max(1)).clamp(LEAST_BYTES, PAGE_BYTES);
    u32::try_from(share).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_alone_sends_the_whole_page_and_one_of_a_thousand_a_little() {
        assert_eq!(share_of_items(500, 1), 500);
        assert_eq!(share_of_items(500, 10), 200);
        assert_eq!(share_of_items(500, 1000), 4);
        assert_eq!(share_of_items(3, 1000), 3);
        assert_eq!(share_of_bytes(1), 512 * 1024);
        assert_eq!(share_of_bytes(1000), 33_554);
        assert_eq!(share_of_bytes(1_000_000), 16 * 1024);
    }
}
