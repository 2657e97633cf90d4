//! Reads the audit newest first, from both of its streams. An operation has several lines and is shown once, as its newest line.

use std::collections::HashSet;

use bus_schema::{ClusterName, Namespace, OperationId, WorkloadKind, WorkloadName};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::backward::{Backward, Line};
use super::{Audit, Entry, Outcome, SIGN_IN, SIGN_OUT, Target};
use diagnostics::Problem;

/// How far the clock in a line's time may be ahead of the nats-server's.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// Filters; an absent one matches everything.
#[derive(Debug, Default, Clone)]
pub struct AuditFilter {
    /// Of this user.
    pub user: Option<String>,
    /// On this cluster.
    pub cluster: Option<ClusterName>,
    /// In this namespace.
    pub namespace: Option<Namespace>,
    /// On this deployment.
    pub deployment_name: Option<WorkloadName>,
    /// On a workload of this kind.
    pub kind: Option<WorkloadKind>,
    /// On a workload of this name, of any kind.
    pub name: Option<WorkloadName>,
    /// This verb.
    pub verb: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Of this run.
    pub run: Option<OperationId>,
    /// No sign-ins and no sign-outs.
    pub without_sign_ins: bool,
    /// Written then or later.
    pub since: Option<Timestamp>,
    /// Written before then.
    pub until: Option<Timestamp>,
}

/// The positions before which the next page ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// In the stream `AUDIT`.
    pub audit: u64,
    /// In the stream `AUDIT_REFUSED`.
    pub refused: u64,
}

/// Lines, newest first, and the cursor of the next page; `None` when there are no older lines.
pub type Part = (Vec<Entry>, Option<Cursor>);

/// A page of the audit, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// The lines.
    pub items: Vec<Entry>,
    /// Pass this as `continue` for older lines; absent when there are none. It is valid only for the same caller.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Present if this page ends before `limit` though there are older lines: one call looks at 2,000 lines, and few of them, or none,
    /// match. `continue` goes on from there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

impl Audit {
    /// A page of at most `limit` lines older than `before` that match the filters and `visible`.
    ///
    /// # Errors
    /// [`ProblemCode::AuditUnavailable`](diagnostics::ProblemCode::AuditUnavailable) when the streams do not answer.
    pub async fn page(
        &self,
        filter: &AuditFilter,
        limit: usize,
        before: Option<Cursor>,
        visible: impl Fn(&Entry) -> bool + Sync,
    ) -> Result<Part, Problem> {
        let mut audit = Backward::begin(&self.stream, before.map(|before| before.audit)).await?;
        let mut refused =
            Backward::begin(&self.refused_stream, before.map(|before| before.refused)).await?;
        if filter.without_sign_ins {
            refused.close();
        }
        let mut seen = HashSet::new();
        let mut items = Vec::new();
        while items.len() < limit
            && let Some(line) = newer(&mut audit, &mut refused).await?
        {
            if filter.ends_at(&line) {
                audit.close();
                refused.close();
                break;
            }
            let Line {
                sequence, entry, ..
            } = line;
            let wanted = filter.matches(&entry) && visible(&entry);
            let is_first = entry
                .operation_id
                .as_ref()
                .is_none_or(|id| seen.insert(id.clone()));
            if is_first && wanted && self.is_newest(&entry, sequence, before).await {
                items.push(entry);
            }
        }
        let more = audit.has_older() || refused.has_older();
        let next = Cursor {
            audit: audit.end(),
            refused: refused.end(),
        };
        Ok((items, more.then_some(next)))
    }

    /// Whether the newest line of its operation in this page is the newest of all. If the operation may have been on an earlier page,
    /// only the newest line in the whole stream can decide.
    async fn is_newest(&self, entry: &Entry, sequence: u64, before: Option<Cursor>) -> bool {
        let (Some(operation), Some(_)) = (&entry.operation_id, before) else {
            return true;
        };
        let newest = self.newest(operation).await;
        newest.map_or(true, |newest| {
            newest.is_none_or(|(newest, _)| newest.0 == sequence)
        })
    }
}

/// Takes the newest line of both streams, by the time at which the server stored it.
async fn newer(one: &mut Backward<'_>, other: &mut Backward<'_>) -> Result<Option<Line>, Problem> {
    one.fill().await?;
    other.fill().await?;
    // Lines that were not scanned may be newer than those of the other stream.
    if one.is_at_limit() || other.is_at_limit() {
        return Ok(None);
    }
    let is_newer = one.stored_at() >= other.stored_at();
    Ok(if is_newer { one.take() } else { other.take() })
}

impl AuditFilter {
    /// Whether this line and all older ones are too old.
    fn ends_at(&self, line: &Line) -> bool {
        let stored_at = Timestamp::from_nanosecond(line.stored_at.unix_timestamp_nanos());
        self.since
            .zip(stored_at.ok())
            .is_some_and(|(since, stored_at)| stored_at.duration_since(since) < -AHEAD)
    }

    fn matches(&self, entry: &Entry) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, there: Option<&T>) -> bool {
            wanted.is_none_or(|wanted| there == Some(wanted))
        }
        let target = entry.target.as_ref();
        self.user.as_ref().is_none_or(|user| entry.is_about(user))
            && !(self.without_sign_ins && [SIGN_IN, SIGN_OUT].contains(&&*entry.verb))
            && self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time < until)
            && is(self.verb.as_ref(), Some(&entry.verb))
            && is(self.outcome.as_ref(), Some(&entry.outcome))
            && is(self.run.as_ref(), entry.run_id.as_ref())
            && is(self.cluster.as_ref(), target.map(|target| &target.cluster))
            && is(
                self.namespace.as_ref(),
                target.and_then(|target| target.namespace.as_ref()),
            )
            && is(
                self.deployment_name.as_ref(),
                target.and_then(|target| target.deployment_name.as_ref()),
            )
            && is(self.name.as_ref(), target.and_then(Target::workload_name))
            && self
                .kind
                .is_none_or(|kind| target.and_then(Target::workload_kind) == Some(kind))
    }
}
