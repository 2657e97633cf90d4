//! Clusters whose messages are ignored for a while, because they flooded a subscription that all clusters share. Afterwards each is on
//! trial: only a few of its messages are received. A cluster that sends more is excluded again, for twice as long.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bus_schema::ClusterName;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_mins(10);
const TRIAL: Duration = Duration::from_secs(3);

/// The exclusions by cluster.
#[derive(Debug, Default)]
pub struct Exclusions(HashMap<ClusterName, Exclusion>);

#[derive(Debug)]
struct Exclusion {
    until: Instant,
    length: Duration,
    messages_on_trial: usize,
}

/// How a cluster's messages are received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Received,
    OnTrial,
    Excluded,
}

impl Exclusion {
    fn standing(&self, now: Instant) -> Standing {
        if now < self.until {
            Standing::Excluded
        } else if now < self.until + TRIAL {
            Standing::OnTrial
        } else {
            Standing::Received
        }
    }
}

impl Exclusions {
    /// Excludes a cluster from now on; returns for how long.
    pub fn exclude(&mut self, cluster: &ClusterName, now: Instant) -> Duration {
        // A cluster that has behaved for this long starts over.
        self.0.retain(|_, last| now < last.until + LONGEST);
        let last = self.0.get(cluster);
        let length = last.map_or(FIRST, |last| (last.length * 2).min(LONGEST));
        let exclusion = Exclusion {
            until: now + length,
            length,
            messages_on_trial: 0,
        };
        self.0.insert(cluster.clone(), exclusion);
        length
    }

    /// The standing of this cluster.
    pub fn standing(&self, cluster: &ClusterName, now: Instant) -> Standing {
        let exclusion = self.0.get(cluster);
        exclusion.map_or(Standing::Received, |it| it.standing(now))
    }

    /// Counts a message of a cluster that is on trial; returns their number.
    pub fn count_on_trial(&mut self, cluster: &ClusterName) -> usize {
        self.0.get_mut(cluster).map_or(0, |it| {
            it.messages_on_trial += 1;
            it.messages_on_trial
        })
    }

    /// Whether no cluster is excluded or on trial.
    pub fn are_none(&self, now: Instant) -> bool {
        let mut all = self.0.values();
        all.all(|it| it.standing(now) == Standing::Received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_flood_doubles_the_exclusion_up_to_ten_minutes() {
        let (mut exclusions, mut now) = (Exclusions::default(), Instant::now());
        let (flooder, other) = ("b".parse().expect("a name"), "a".parse().expect("a name"));
        let lengths = [(); 8].map(|()| {
            let length = exclusions.exclude(&flooder, now);
            let before_the_end = now + length - Duration::from_millis(1);
            let standing = exclusions.standing(&flooder, before_the_end);
            assert_eq!(standing, Standing::Excluded);
            assert_eq!(exclusions.standing(&other, now), Standing::Received);
            now += length;
            assert_eq!(exclusions.standing(&flooder, now), Standing::OnTrial);
            assert_eq!(
                [(); 2].map(|()| exclusions.count_on_trial(&flooder)),
                [1, 2]
            );
            assert!(!exclusions.are_none(now));
            length.as_secs()
        });
        assert_eq!(lengths, [10, 20, 40, 80, 160, 320, 600, 600]);
    }

    #[test]
    fn a_cluster_that_passes_its_trial_is_received_and_starts_over_after_a_long_time() {
        let (mut exclusions, now) = (Exclusions::default(), Instant::now());
        let flooder = "b".parse().expect("a name");
        exclusions.exclude(&flooder, now);
        let released = now + FIRST + TRIAL;
        assert_eq!(exclusions.standing(&flooder, released), Standing::Received);
        assert!(exclusions.are_none(released));
        let later = now + FIRST + LONGEST;
        assert_eq!(exclusions.exclude(&flooder, later), FIRST);
    }
}
