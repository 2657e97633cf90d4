//! The freshness of a copy of the cluster's state, and the conditions that follow from it.

use std::time::Duration;

use bus_schema::{Condition, ConditionType};
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

/// An interruption shorter than this raises no condition.
const WORTH_SAYING: Duration = Duration::from_secs(10);

/// Whether a source of state is up to date, and since when it is not.
#[derive(Default)]
pub struct Freshness(Mutex<State>);

#[derive(Default)]
struct State {
    filled: bool,
    broken: Option<Broken>,
}

#[derive(Clone)]
struct Broken {
    stale_since: Instant,
    noticed: Timestamp,
    kind: ConditionType,
    message: String,
}

impl Freshness {
    /// Marks it as up to date; returns whether that is a change.
    pub fn flows(&self) -> bool {
        let mut state = self.state();
        let changed = !state.filled || state.broken.is_some();
        state.filled = true;
        state.broken = None;
        changed
    }

    /// Marks it as interrupted; the state was up to date until `stale_since`. If it already is, the first time counts. Returns whether
    /// that is a change.
    pub fn broke(&self, stale_since: Instant, kind: ConditionType, message: String) -> bool {
        let mut state = self.state();
        let before = state.broken.take();
        let changed = before.as_ref().is_none_or(|b| b.kind != kind);
        state.broken = Some(Broken {
            stale_since: before.as_ref().map_or(stale_since, |b| b.stale_since),
            noticed: before.map_or_else(Timestamp::now, |b| b.noticed),
            kind,
            message,
        });
        changed
    }

    /// Whether it has ever been up to date.
    pub fn is_filled(&self) -> bool {
        self.state().filled
    }

    /// Whether it has never been up to date because the agent may not read it.
    pub fn is_refused(&self) -> bool {
        let state = self.state();
        let broken = state.broken.as_ref();
        !state.filled && broken.is_some_and(|it| it.kind == ConditionType::Forbidden)
    }

    /// Since when the state may be out of date.
    pub fn stale_since(&self) -> Option<Instant> {
        self.state().broken.as_ref().map(|b| b.stale_since)
    }

    /// What is wrong, in words.
    pub fn problem(&self) -> Option<String> {
        self.state().broken.as_ref().map(|b| b.message.clone())
    }

    fn broken(&self) -> Option<Broken> {
        self.state().broken.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

/// What is wrong with the link to the API server, with individual watches, and with the cache because of that. At most one condition of
/// each kind; the link's message takes precedence over a watch's.
pub fn conditions<'a>(
    link: &'a Freshness,
    watches: impl Iterator<Item = &'a Freshness>,
) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    let mut say = |kind: ConditionType, message: &str, since: Timestamp| {
        if conditions.iter().all(|c| c.kind != kind) {
            let message = message.to_owned();
            conditions.push(Condition {
                kind,
                message,
                since,
            });
        }
    };
    let all: Vec<(bool, Broken)> = std::iter::once(link)
        .chain(watches)
        .filter_map(|freshness| Some((freshness.is_filled(), freshness.broken()?)))
        .collect();
    for (_, broken) in &all {
        say(broken.kind, &broken.message, broken.noticed);
    }
    let long = |b: &Broken| Instant::now().duration_since(b.stale_since) >= WORTH_SAYING;
    if let Some((_, broken)) = all.iter().find(|(filled, broken)| *filled && long(broken)) {
        let message = "the state shown for this cluster may be out of date";
        say(ConditionType::CacheStale, message, broken.noticed);
    }
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_interruption_counts_from_its_first_report() {
        let freshness = Freshness::default();
        assert!(freshness.flows());
        let start = Instant::now();
        let kind = ConditionType::KubernetesUnreachable;
        assert!(freshness.broke(start, kind, "first".to_owned()));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!freshness.broke(Instant::now(), kind, "second".to_owned()));
        assert_eq!(freshness.stale_since(), Some(start));
        assert!(freshness.flows());
        assert_eq!(freshness.stale_since(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_interruption_makes_a_filled_cache_stale() {
        let (link, watch) = (Freshness::default(), Freshness::default());
        watch.flows();
        watch.broke(Instant::now(), ConditionType::Forbidden, "no".to_owned());
        let kinds =
            |conditions: Vec<Condition>| -> Vec<_> { conditions.iter().map(|c| c.kind).collect() };
        assert_eq!(
            kinds(conditions(&link, [&watch].into_iter())),
            [ConditionType::Forbidden]
        );
        tokio::time::advance(WORTH_SAYING).await;
        assert_eq!(
            kinds(conditions(&link, [&watch].into_iter())),
            [ConditionType::Forbidden, ConditionType::CacheStale]
        );
    }
}
