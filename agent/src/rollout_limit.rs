//! The limit on rollouts that this agent has begun and that are still under way. It holds for all requesters together, so nobody can
//! make the cluster replace all of its pods at once.

use std::collections::HashMap;
use std::time::Duration;

use bus_schema::{Fault, FaultCode, Health, WorkloadRef};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::cache::{Caches, key};

/// The limit unless it is configured.
pub const DEFAULT: usize = 50;

/// A rollout counts for this long in any case: until then the cache may not show it yet.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// A rollout without a progress deadline may never end. It no longer counts after this time.
const LONGEST: Duration = Duration::from_mins(30);

/// The rollouts that were begun, each with the time when it was.
pub struct RolloutLimit {
    most: usize,
    begun: Mutex<HashMap<Box<str>, Instant>>,
}

/// One rollout that is about to begin. It no longer counts once this is dropped, unless it was [kept](Self::keep).
pub struct Admitted<'a> {
    limit: &'a RolloutLimit,
    key: Box<str>,
    /// When the rollout of the same workload before this one was begun.
    before: Option<Instant>,
    is_begun: bool,
}

impl RolloutLimit {
    /// At most so many at the same time; 0: any number.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            begun: Mutex::default(),
        }
    }

    /// Counts a rollout that is about to begin. One that replaces a rollout of the same workload takes over its place.
    ///
    /// # Errors
    /// [`FaultCode::TooManyRollouts`]
    pub fn admit(&self, workload: &WorkloadRef, caches: &Caches) -> Result<Admitted<'_>, Fault> {
        let now = Instant::now();
        let health = |key: &str| caches.workloads.get(key).map(|entry| entry.health);
        let key = key(workload);
        let mut begun = self.begun.lock();
        let before = begun.remove(&key);
        begun.retain(|key, since| is_under_way(now.duration_since(*since), || health(key)));
        if self.most > 0 && begun.len() >= self.most {
            let message = format!(
                "{} rollouts that were begun here are not complete yet, and the cluster's agent allows no more at the same time \
                 (--max-rollouts, MCA_MAX_ROLLOUTS); nothing was done",
                begun.len()
            );
            return Err(Fault::new(FaultCode::TooManyRollouts, message));
        }
        begun.insert(key.clone(), now);
        Ok(Admitted {
            limit: self,
            key,
            before,
            is_begun: false,
        })
    }
}

impl Admitted<'_> {
    /// The rollout has begun: it counts until it has ended.
    pub fn keep(mut self) {
        self.is_begun = true;
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if self.is_begun {
            return;
        }
        let mut begun = self.limit.begun.lock();
        match self.before {
            Some(before) => begun.insert(self.key.clone(), before),
            None => begun.remove(&self.key),
        };
    }
}

fn is_under_way(age: Duration, health: impl FnOnce() -> Option<Health>) -> bool {
    age < SHOWN_WITHIN || age < LONGEST && health() == Some(Health::Progressing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(name: &str) -> WorkloadRef {
        serde_json::from_str(&format!(
            r#"{{"namespace":"shop","kind":"Deployment","name":"{name}"}}"#
        ))
        .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_rollout_counts_until_it_is_known_to_have_ended_and_one_that_was_not_begun_does_not()
    {
        let (limit, caches) = (RolloutLimit::new(2), Caches::default());
        let admit = |name| limit.admit(&workload(name), &caches);
        drop(admit("a").unwrap());
        admit("a").unwrap().keep();
        let b = admit("b").unwrap();
        assert_eq!(admit("c").err().unwrap().code, FaultCode::TooManyRollouts);
        // Of the same workload.
        admit("a").unwrap().keep();
        drop(admit("a").unwrap());
        assert!(admit("c").is_err());
        drop(b);
        admit("c").unwrap().keep();
        assert!(admit("b").is_err());
        // The cache shows none of them as progressing.
        tokio::time::advance(SHOWN_WITHIN).await;
        admit("b").unwrap().keep();
    }

    #[test]
    fn a_rollout_that_hangs_counts_for_a_limited_time() {
        let progressing = || Some(Health::Progressing);
        assert!(is_under_way(SHOWN_WITHIN, progressing));
        assert!(!is_under_way(LONGEST, progressing));
        assert!(!is_under_way(SHOWN_WITHIN, || Some(Health::Failed)));
        assert!(is_under_way(Duration::ZERO, || None));
    }

    #[test]
    fn without_a_limit_all_are_admitted() {
        let (limit, caches) = (RolloutLimit::new(0), Caches::default());
        for number in 0..200 {
            limit
                .admit(&workload(&format!("a{number}")), &caches)
                .unwrap()
                .keep();
        }
    }
}
