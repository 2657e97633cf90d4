//! A query in progress: the responses so far, and the clusters that are still pending.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use async_nats::Message;
use bus_schema::{ClusterName, FleetQueryRequest};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, interval_at, sleep_until};

use super::cursor;
use super::last_known::KnownShare;
use super::merge::{Merge, Part};
use super::names::{self, GroupCursor, Names};
use super::page::AnswerState::{Answered, Misbehaving, Offline, TimedOut};
use super::page::{AnswerCounts, AnswerState, FleetGroups, FleetPage, StaleNotice};
use super::responses::PendingRequest;
use super::totals::{Counted, Images};
use super::{FleetQueries, FleetQuery};
use identity::Grants;
use registry::{Moment, Presence};

mod fill;
mod reader;

use reader::Reader;

/// How often to check whether pending clusters are still online.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The detail of a cluster whose last known workloads were not read by the deadline.
const NOT_READ: &str = "its last known workloads were not read in time";

pub struct Gather<'a> {
    query: &'a FleetQuery,
    merge: Merge,
    rows: BTreeMap<ClusterName, Row>,
    /// The number of open rows.
    open: usize,
    reader: Reader<'a>,
}

/// A cluster of the query.
#[derive(Debug, Default)]
struct Row {
    /// `None` while it is pending.
    state: Option<AnswerState>,
    /// Whether it is offline and its last known workloads have not been read yet.
    unread: bool,
    /// Its response, or its last known workloads.
    share: Option<(Part, Counted)>,
}

impl Row {
    /// A row without workloads.
    fn of(state: AnswerState) -> Self {
        Self {
            state: Some(state),
            ..Self::default()
        }
    }

    fn is_open(&self) -> bool {
        self.state.is_none() || self.unread
    }

    fn is_away(&self) -> bool {
        matches!(self.state, Some(Offline(_)))
    }
}

/// A pending read of a cluster's last known workloads.
type Reading<'a> = BoxFuture<'a, (ClusterName, Result<Option<KnownShare>, String>)>;

impl<'a> Gather<'a> {
    pub fn new(queries: &'a FleetQueries, grants: &'a Grants, query: &'a FleetQuery) -> Self {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        Self {
            query,
            merge: Merge::new(query.sort, limit),
            rows: BTreeMap::new(),
            open: 0,
            reader: Reader {
                queries,
                grants,
                begun: Instant::now(),
                images: Images::new(query.count_images),
                names: Names::default(),
                permits: Vec::new(),
            },
        }
    }

    /// Adds a cluster of the query: it is pending unless its state is known already.
    pub fn expect(&mut self, cluster: ClusterName, state: Option<AnswerState>) {
        let row = Row {
            unread: matches!(state, Some(Offline(_))),
            state,
            share: None,
        };
        self.open += usize::from(row.is_open());
        self.rows.insert(cluster, row);
    }

    /// All clusters of the query.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterName> {
        self.rows.keys()
    }

    /// The pending clusters.
    pub fn pending(&self) -> impl Iterator<Item = ClusterName> {
        let waited_for = self.rows.iter().filter(|(_, row)| row.state.is_none());
        waited_for.map(|(cluster, _)| cluster.clone())
    }

    /// The number of clusters that may still contribute.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Receives responses, and reads the last known workloads of offline clusters, until no cluster is pending or the deadline has
    /// passed.
    pub async fn collect(
        &mut self,
        question: &mut PendingRequest<'_>,
        request: &FleetQueryRequest,
    ) {
        let mut deadline = pin!(sleep_until(self.deadline()));
        let mut check = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        let queries = self.reader.queries;
        let read = |cluster: ClusterName| -> Reading<'_> {
            Box::pin(async move {
                let share = queries.last_known_share(&cluster, request).await;
                (cluster, share)
            })
        };
        let unread = self.rows.iter().filter(|(_, row)| row.unread);
        let mut reading: FuturesUnordered<_> = unread.map(|(name, _)| read(name.clone())).collect();
        while self.open > 0 {
            tokio::select! {
                Some((cluster, message)) = question.next() => self.receive(&cluster, &message, request),
                Some((cluster, share)) = reading.next() => self.learn(&cluster, share),
                _ = check.tick() => reading.extend(self.give_up_the_gone().into_iter().map(read)),
                () = &mut deadline => break,
            }
        }
        self.give_up_the_gone();
        self.close();
    }

    fn deadline(&self) -> Instant {
        self.reader.begun + self.query.within
    }

    /// Closes all pending rows as timed out.
    fn close(&mut self) {
        for row in self.rows.values_mut().filter(|row| row.is_open()) {
            row.unread = false;
            if let Offline(away) = row.state.get_or_insert(TimedOut) {
                away.detail = Some(NOT_READ.to_owned());
            }
        }
        self.open = 0;
    }

    /// Adds the last known workloads of a cluster, unless it has responded after all.
    fn learn(&mut self, cluster: &ClusterName, share: Result<Option<KnownShare>, String>) {
        let Some(row) = self.rows.get_mut(cluster) else {
            return;
        };
        self.open -= usize::from(row.is_open());
        row.unread = false;
        let Some(Offline(away)) = &mut row.state else {
            return;
        };
        match share {
            Ok(None) => {}
            Ok(Some(share)) => {
                away.as_of = Some(share.as_of);
                away.stale_seconds = Some(share.stale_seconds);
                away.workloads = Some(share.totals.workloads);
                away.truncated = share.truncated.then_some(true);
                row.share = Some((share.part, self.reader.count(share.totals)));
                self.reader.permits.push(share.permit);
            }
            Err(detail) => {
                tracing::debug!(%cluster, detail, "the persisted inventory of a cluster is ignored");
                away.detail = Some(detail);
            }
        }
    }

    fn receive(&mut self, cluster: &ClusterName, message: &Message, request: &FleetQueryRequest) {
        let Some(row) = self.rows.get_mut(cluster) else {
            return;
        };
        self.open -= usize::from(row.is_open());
        // A cluster that has gone offline since may still have answered.
        let repeated = row.state.is_some() && !row.is_away();
        *row = if repeated {
            // There is no way to know which of its responses is right.
            let detail = "it answered more than once".to_owned();
            Row::of(Misbehaving { detail })
        } else {
            match self.reader.read(cluster, message, request) {
                Ok(share) => Row {
                    state: Some(Answered {
                        milliseconds: self.reader.milliseconds(),
                        workloads: share.counted.workloads,
                        stale_seconds: share.stale_seconds,
                    }),
                    unread: false,
                    share: Some((share.part, share.counted)),
                },
                Err(state) => Row::of(state),
            }
        };
    }

    /// Gives up clusters that have gone offline since: they will not answer.
    fn give_up_the_gone(&mut self) -> Vec<ClusterName> {
        let (registry, now) = (self.reader.queries.registry.read(), Moment::now());
        let mut gone = Vec::new();
        for (cluster, row) in &mut self.rows {
            if row.state.is_none() && registry.presence(cluster, now) == Some(Presence::Offline) {
                row.state = Some(Offline(StaleNotice {
                    last_seen: registry.last_seen(cluster),
                    ..StaleNotice::default()
                }));
                row.unread = true;
                gone.push(cluster.clone());
            }
        }
        gone
    }

    /// Merges the responses into a page.
    pub fn page(self) -> FleetPage {
        let (mut clusters, mut parts, mut counted) = (Vec::new(), Vec::new(), Vec::new());
        for (cluster, row) in self.rows {
            if let Some((part, count)) = row.share {
                parts.push((cluster.clone(), part));
                counted.push(count);
            }
            clusters.push(self.reader.answer(cluster, row.state));
        }
        let (items, after) = self
            .merge
            .page(parts.iter().map(|(cluster, part)| (cluster, part)));
        let shown = items.into_iter();
        FleetPage {
            items: shown
                .filter_map(|(cluster, item)| item.shown(cluster))
                .collect(),
            next: after.map(|after| cursor::write(self.query, after)),
            totals: self.reader.images.totals(counted.into_iter()),
            answers: AnswerCounts::of(&clusters),
            clusters,
        }
    }

    /// Merges the counts by name into groups.
    pub fn groups(self, after: Option<&GroupCursor>) -> FleetGroups {
        let (mut clusters, mut counted, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let mut not_grouped = 0_u64;
        for (cluster, row) in self.rows {
            let offline = row.is_away();
            if let Some((_, mut count)) = row.share {
                names.push((offline, std::mem::take(&mut count.names)));
                not_grouped = not_grouped.saturating_add(count.other_names);
                counted.push(count);
            }
            clusters.push(self.reader.answer(cluster, row.state));
        }
        let groups = self.reader.names.groups(names.into_iter());
        let limit = usize::try_from(self.query.limit).unwrap_or(usize::MAX);
        let count = groups.len();
        let (items, after) = names::page(groups, self.query.sort, after, limit);
        FleetGroups {
            items,
            next: after.map(|after| cursor::write(self.query, after)),
            groups: count,
            not_grouped,
            totals: self.reader.images.totals(counted.into_iter()),
            answers: AnswerCounts::of(&clusters),
            clusters,
        }
    }
}
