//! Reading the audit newest first. An operation has several lines and is shown once, as its newest line.

use std::collections::HashSet;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use bus_schema::{ClusterName, DeploymentName, Namespace, OperationId};
use futures::StreamExt;
use serde::Serialize;
use tracing::warn;
use utoipa::ToSchema;

use super::{Audit, Entry, Outcome};
use crate::problem::{Problem, ProblemCode};

/// What is asked for; what is absent matches everything.
#[derive(Debug, Default, Clone)]
pub struct AuditFilter {
    /// Of this user.
    pub user: Option<String>,
    /// On this cluster.
    pub cluster: Option<ClusterName>,
    /// In this namespace.
    pub namespace: Option<Namespace>,
    /// On this deployment.
    pub deployment_name: Option<DeploymentName>,
    /// This verb.
    pub verb: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
}

/// Lines, newest first, and the number of the line before which the next page ends; `None` when there are none before.
pub type Part = (Vec<Entry>, Option<u64>);

/// Part of the audit, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// The lines.
    pub items: Vec<Entry>,
    /// Give this back as `continue` for older lines; absent when there are none. It is of the caller alone.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Lines read from the stream at a time.
const WINDOW: u64 = 500;

/// Lines looked at for one page before it is given out as it is, so that a filter that matches nothing costs a bounded time.
const LOOKED_AT: u64 = 10_000;

impl Audit {
    /// A page of at most `limit` lines that match and that `visible` lets through, older than `before`.
    ///
    /// # Errors
    /// [`ProblemCode::AuditUnavailable`] when the stream does not answer.
    pub async fn page(
        &self,
        filter: &AuditFilter,
        limit: usize,
        before: Option<u64>,
        visible: impl Fn(&Entry) -> bool + Sync,
    ) -> Result<Part, Problem> {
        let state = self.stream.get_info().await.map_err(unavailable)?.state;
        let mut end = before.unwrap_or(u64::MAX).min(state.last_sequence + 1);
        let stop = end
            .saturating_sub(LOOKED_AT)
            .max(state.first_sequence.max(1));
        let mut seen = HashSet::new();
        let mut items = Vec::new();
        while end > stop {
            let start = end.saturating_sub(WINDOW).max(stop);
            for (sequence, entry) in self.window(start, end).await?.into_iter().rev() {
                end = sequence;
                let wanted = filter.matches(&entry) && visible(&entry);
                if self.is_newest(&entry, sequence, before, &mut seen).await && wanted {
                    items.push(entry);
                }
                if items.len() == limit {
                    let more = end > state.first_sequence.max(1);
                    return Ok((items, more.then_some(end)));
                }
            }
            end = start;
        }
        let more = end > state.first_sequence.max(1);
        Ok((items, more.then_some(end)))
    }

    /// The lines from `start` up to but not including `end`.
    async fn window(&self, start: u64, end: u64) -> Result<Vec<(u64, Entry)>, Problem> {
        let consumer = self
            .stream
            .create_consumer(pull::Config {
                deliver_policy: DeliverPolicy::ByStartSequence {
                    start_sequence: start,
                },
                ack_policy: AckPolicy::None,
                inactive_threshold: Duration::from_secs(5),
                memory_storage: true,
                num_replicas: 1,
                ..pull::Config::default()
            })
            .await
            .map_err(unavailable)?;
        let wanted = usize::try_from(end - start).unwrap_or(usize::MAX);
        let mut messages = consumer
            .fetch()
            .max_messages(wanted)
            .messages()
            .await
            .map_err(unavailable)?;
        let mut entries = Vec::with_capacity(wanted);
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| unavailable(std::io::Error::other(error)))?;
            let sequence = message
                .info()
                .map_err(|error| unavailable(std::io::Error::other(error)))?
                .stream_sequence;
            // A line that cannot be read is skipped; see `records`.
            if let (Ok(entry), true) = (serde_json::from_slice(&message.payload), sequence < end) {
                entries.push((sequence, entry));
            }
        }
        Ok(entries)
    }

    /// Whether this is the newest line of its operation. Of an operation that was met on an earlier page only its newest line in
    /// the whole stream tells.
    async fn is_newest(
        &self,
        entry: &Entry,
        sequence: u64,
        before: Option<u64>,
        seen: &mut HashSet<OperationId>,
    ) -> bool {
        let Some(operation) = &entry.operation_id else {
            return true;
        };
        if !seen.insert(operation.clone()) {
            return false;
        }
        if before.is_none() {
            return true;
        }
        let newest = self.newest(operation).await;
        newest.map_or(true, |newest| {
            newest.is_none_or(|(newest, _)| newest.0 == sequence)
        })
    }
}

impl AuditFilter {
    fn matches(&self, entry: &Entry) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, there: Option<&T>) -> bool {
            wanted.is_none_or(|wanted| there == Some(wanted))
        }
        let target = entry.target.as_ref();
        is(self.user.as_ref(), Some(&entry.user))
            && is(self.verb.as_ref(), Some(&entry.verb))
            && is(self.outcome.as_ref(), Some(&entry.outcome))
            && is(self.cluster.as_ref(), target.map(|target| &target.cluster))
            && is(
                self.namespace.as_ref(),
                target.and_then(|target| target.namespace.as_ref()),
            )
            && is(
                self.deployment_name.as_ref(),
                target.and_then(|target| target.deployment_name.as_ref()),
            )
    }
}

fn unavailable(error: impl std::error::Error) -> Problem {
    warn!(%error, "the audit cannot be read");
    Problem::new(
        ProblemCode::AuditUnavailable,
        "the audit cannot be read now",
    )
}
