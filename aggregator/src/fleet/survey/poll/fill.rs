//! Clusters send few items at first, which is enough where they are alike. Those whose items end before the page does are asked for more.

use bus_schema::{ClusterName, SurveyDeployments};
use tokio::time::timeout_at;

use super::super::merge::Short;
use super::super::{share_of_bytes, share_of_items};
use super::{Part, Poll};
use crate::bus::fault_in;

/// How often those who have too little on the page are asked again.
const TIMES: usize = 4;

impl Poll<'_> {
    /// Fills the page. Where one does not answer it stays shorter, which is no fault: the next page begins behind it.
    pub async fn fill(&mut self, survey: &SurveyDeployments) {
        for _ in 0..TIMES {
            let Some(short) = self.merge.short(self.parts.iter()) else {
                return;
            };
            let Some(parts) = self.ask_for_more(&short, survey).await else {
                return;
            };
            for (cluster, behind) in parts {
                if let Some(part) = self.parts.get_mut(&cluster) {
                    self.merge.extend(part, &short.after, behind);
                }
            }
        }
    }

    /// What they have behind the place; none of it where one of them does not say.
    async fn ask_for_more(
        &mut self,
        short: &Short,
        survey: &SurveyDeployments,
    ) -> Option<Vec<(ClusterName, Part)>> {
        let fleet = self.fleet;
        let (away, there): (Vec<_>, Vec<_>) = short
            .clusters
            .iter()
            .cloned()
            .partition(|cluster| self.is_away(cluster));
        let mut question = fleet.answers.question(there.iter().cloned());
        let named = there.iter().filter_map(|name| name.as_str().parse().ok());
        let limit = u32::try_from(short.lacks).unwrap_or(u32::MAX);
        let more = SurveyDeployments {
            answer: question.id.clone(),
            clusters: named.collect(),
            limit: share_of_items(limit, short.clusters.len()),
            bytes: share_of_bytes(short.clusters.len()),
            after: Some(short.after.clone()),
            ..survey.clone()
        };
        let mut parts = Vec::new();
        for cluster in away {
            let share = fleet.known_share(&cluster, &more).await.ok()??;
            self.rooms.push(share.room);
            parts.push((cluster, share.part));
        }
        if !there.is_empty() {
            fleet.put(&more).await.ok()?;
        }
        let deadline = self.begun + self.query.within;
        while parts.len() < short.clusters.len() {
            let (cluster, message) = timeout_at(deadline, question.next()).await.ok()??;
            let twice = parts.iter().any(|(heard, _)| *heard == cluster);
            if twice || fault_in(&message).is_some() {
                return None;
            }
            let share = self.read(&cluster, &message, &more).ok()?;
            parts.push((cluster, share.part));
        }
        Some(parts)
    }
}
