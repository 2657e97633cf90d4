//! What is new about clusters, for those who watch: told once, when it is first looked at after it came to be. Whoever changes the
//! registry looks at the cluster afterwards; what changes by time alone is found by looking at all of them now and then.

use std::time::Duration;

use bus_schema::{ClusterName, Condition, ConditionType};
use jiff::Timestamp;

use super::feed::Gap;
use super::hearing::Mark;
use super::known::Known;
use super::window::{Limit, Window};
use super::{ClusterView, Moment, Registry};

/// How often one cluster is shown anew at once. What is more than that is shown later, all together.
const SHOWN: Limit = Limit {
    most: 4,
    within: Duration::from_secs(1),
};

/// Something new.
#[derive(Debug, Clone)]
pub enum News {
    /// A cluster looks otherwise than before, or is new.
    Shown(Box<ClusterView>),
    /// Changes of a cluster's deployments were missed, so many if that is known.
    Missed(ClusterName, Option<u64>),
}

/// How a cluster was shown last.
#[derive(Debug, Default)]
pub(super) struct Shown {
    last: Option<Box<ClusterView>>,
    times: Window,
}

impl Registry {
    /// What is new about a cluster.
    pub fn look(&mut self, cluster: &ClusterName, now: Moment, mut tell: impl FnMut(News)) {
        let mark = self.hearing.mark(now.instant);
        if let Some(known) = self.clusters.get_mut(cluster) {
            known.look(cluster, (mark, now.wall), &mut tell);
        }
    }

    /// What is new about any.
    pub fn look_at_all(&mut self, now: Moment, mut tell: impl FnMut(News)) {
        let mark = self.hearing.mark(now.instant);
        for (cluster, known) in &mut self.clusters {
            known.look(cluster, (mark, now.wall), &mut tell);
        }
    }
}

impl Known {
    fn look(
        &mut self,
        cluster: &ClusterName,
        (now, wall): (Mark, Timestamp),
        tell: &mut impl FnMut(News),
    ) {
        let same = |last: &ClusterView| self.looks_like(last, now, wall);
        if !self.shown.last.as_deref().is_some_and(same) && self.shown.times.take(1, SHOWN, now.at)
        {
            let view = Box::new(self.view(cluster.clone(), now, wall));
            self.shown.last = Some(view.clone());
            tell(News::Shown(view));
        }
        match self.follow(now) {
            Some(Gap::Counted(missed)) => tell(News::Missed(cluster.clone(), Some(missed))),
            Some(Gap::Unknown) => tell(News::Missed(cluster.clone(), None)),
            None => {}
        }
    }

    /// But for ages. Compares without making a view: it is asked for every heartbeat.
    fn looks_like(&self, view: &ClusterView, now: Mark, wall: Timestamp) -> bool {
        let heartbeat = &self.record.heartbeat;
        view.presence == self.presence(now)
            && view.agents == self.alive(now).count()
            && view.cluster_uid == self.record.cluster_uid
            && view.kubernetes_version == heartbeat.kubernetes_version
            && view.agent_version == heartbeat.agent_version
            && view.verbs == heartbeat.verbs
            && view.counts == heartbeat.counts
            && same(&view.conditions, &self.conditions(now, wall))
    }
}

/// But for what counts on.
fn same(before: &[Condition], now: &[Condition]) -> bool {
    let same = |(before, now): (&Condition, &Condition)| {
        let counts_on = matches!(
            now.kind,
            ConditionType::ClockSkew | ConditionType::Misbehaving
        );
        before.kind == now.kind && (counts_on || before.message == now.message)
    };
    before.len() == now.len() && before.iter().zip(now).all(same)
}
