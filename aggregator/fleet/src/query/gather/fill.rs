//! Fills the page. Clusters send few items at first, which is enough if they are similar. Clusters whose items end before the page does
//! are queried for more.

use bus_schema::{ClusterName, FleetQueryRequest, Pattern};
use tokio::time::timeout_at;

use super::super::merge::Short;
use super::super::{share_of_bytes, share_of_items};
use super::{Gather, Part, Row};

/// How often clusters are queried for more.
const TIMES: usize = 4;

impl Gather<'_> {
    /// Fills the page. If a cluster does not answer, the page stays shorter, which is not an error: the next page begins after it.
    pub async fn fill(&mut self, request: &FleetQueryRequest) {
        for _ in 0..TIMES {
            let parts = self.rows.iter().filter_map(|(cluster, row)| {
                let (part, _) = row.share.as_ref()?;
                Some((cluster, part))
            });
            let Some(short) = self.merge.short(parts) else {
                return;
            };
            let Some(parts) = self.ask_for_more(&short, request).await else {
                return;
            };
            for (cluster, behind) in parts {
                let row = self.rows.get_mut(&cluster);
                if let Some((part, _)) = row.and_then(|row| row.share.as_mut()) {
                    self.merge.extend(&cluster, part, &short.after, behind);
                }
            }
        }
    }

    /// Their items after the sort key; nothing if one of them does not answer.
    async fn ask_for_more(
        &mut self,
        short: &Short,
        request: &FleetQueryRequest,
    ) -> Option<Vec<(ClusterName, Part)>> {
        let (queries, deadline) = (self.reader.queries, self.deadline());
        let (away, there): (Vec<_>, Vec<_>) = short
            .clusters
            .iter()
            .cloned()
            .partition(|cluster| self.rows.get(cluster).is_some_and(Row::is_away));
        let mut question = queries.responses.expect(there.iter().cloned());
        let limit = u32::try_from(short.lacks).unwrap_or(u32::MAX);
        let more = FleetQueryRequest {
            answer: question.id.clone(),
            clusters: there.iter().map(Pattern::from).collect(),
            limit: share_of_items(limit, short.clusters.len()),
            bytes: share_of_bytes(short.clusters.len()),
            after: Some(short.after.clone()),
            // The totals have already been received.
            count_images: false,
            ..request.clone()
        };
        let mut parts = Vec::new();
        for cluster in away {
            let share = queries.last_known_share(&cluster, &more).await.ok()??;
            self.reader.permits.push(share.permit);
            parts.push((cluster, share.part));
        }
        if !there.is_empty() {
            queries.put(&more, there.iter().cloned()).await.ok()?;
        }
        while parts.len() < short.clusters.len() {
            let (cluster, message) = timeout_at(deadline, question.next()).await.ok()??;
            let twice = parts.iter().any(|(heard, _)| *heard == cluster);
            if twice {
                return None;
            }
            let share = self.reader.read(&cluster, &message, &more).ok()?;
            parts.push((cluster, share.part));
        }
        Some(parts)
    }
}
