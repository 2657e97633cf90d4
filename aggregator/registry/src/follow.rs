//! Chooses the agent whose changes are followed. Each agent of a cluster reports all changes, so only one of them is followed: until it is
//! lost, or no longer sees its cluster while another agent does.

use bus_schema::ConditionType;

use super::bus_liveness::LivenessEpoch;
use super::cluster_entry::{AgentInstance, ClusterEntry};
use super::feed::{Followed, Gap};

impl ClusterEntry {
    /// Chooses the agent to follow now.
    pub(super) fn follow(&mut self, now: LivenessEpoch) -> Option<Gap> {
        let stays = self.feed.followed.as_ref().and_then(|followed| {
            let mut alive = self.alive(now);
            alive.find(|instance| instance.heartbeat.instance == followed.instance)
        });
        let better = match stays {
            Some(instance) if instance.sees() => None,
            _ => self.alive(now).find(|instance| instance.sees()),
        };
        let first = || self.alive(now).find(|instance| instance.counts());
        let next = match (&self.feed.followed, better) {
            (_, Some(better)) => Some(better),
            (None, None) => first(),
            (Some(_), None) => None,
        };
        if let Some(instance) = next {
            let heartbeat = &instance.heartbeat;
            let seen = heartbeat.changes.unwrap_or_default();
            self.feed.followed = Some(Followed::from(heartbeat.instance.clone(), seen));
            return Some(Gap::Unknown);
        }
        let counted = stays.and_then(|instance| instance.heartbeat.changes)?;
        let followed = self.feed.followed.as_mut()?;
        followed.compare(counted, now.at).map(Gap::Counted)
    }
}

impl AgentInstance {
    /// Whether it has read its cluster and numbers the changes.
    fn counts(&self) -> bool {
        self.heartbeat.counts.is_some() && self.heartbeat.changes.is_some()
    }

    /// Whether it also still sees changes.
    fn sees(&self) -> bool {
        let stale = |condition: &bus_schema::Condition| condition.kind == ConditionType::CacheStale;
        self.counts() && !self.heartbeat.conditions.iter().any(stale)
    }
}
