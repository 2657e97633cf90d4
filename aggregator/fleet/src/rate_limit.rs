//! How much the agents of each cluster may say on a subject that all clusters share. Decided by the subject alone, which the broker
//! authenticates, before anything is read: what is beyond the limit must cost less than it costs to send, or a flood of one cluster
//! would fill the subscription, and the client would drop the others' messages.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bus_schema::ClusterName;

use limits::{Limit, Take, Window};
use registry::CHANGES_LIMIT;

const WITHIN: Duration = Duration::from_secs(5);

/// Beyond the limit messages are left out; beyond so many times the limit, or so many bytes, they are a flood.
const FLOOD: usize = 2;

/// Of one cluster within [`WITHIN`].
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    messages: usize,
    flood_bytes: usize,
}

const MIB: usize = 1024 * 1024;

/// Heartbeats: those of 32 instances that each send one a second, and their answers to a roll call.
pub const HEARTBEATS: RateLimit = RateLimit {
    messages: 256,
    flood_bytes: 8 * MIB,
};

/// Changes of deployments: two messages a second of each of 32 instances, and three times as many.
pub const CHANGES: RateLimit = RateLimit {
    messages: 1_024,
    flood_bytes: 2 * CHANGES_LIMIT.most,
};

/// Answers to questions to all clusters: one for each question, of which no aggregator asks 3,000 a second.
pub const ANSWERS: RateLimit = RateLimit {
    messages: 16_384,
    flood_bytes: 512 * MIB,
};

/// Questions for a credential's renewal: a few a year, and again after each that gets no answer.
pub const RENEWALS: RateLimit = RateLimit {
    messages: 256,
    flood_bytes: 8 * MIB,
};

/// Clusters that are remembered before it is looked whether all of them still say something.
const REMEMBERED: usize = 1_024;

/// The limits of one subscription.
#[derive(Debug)]
pub struct RateLimits {
    limit: RateLimit,
    said: HashMap<ClusterName, Said>,
    prune_at: usize,
}

#[derive(Debug, Default)]
struct Said {
    messages: Window,
    bytes: Window,
}

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Read,
    /// To be left out as the first one beyond the limit.
    Overflow,
    LeaveOut,
    /// To be left out, and its cluster to be excluded.
    Flood,
}

impl RateLimit {
    /// Messages of a cluster that is on trial, after which the broker itself ends the subscription to it.
    pub fn on_trial(self) -> usize {
        self.messages / 16
    }
}

impl RateLimits {
    /// So much for each cluster.
    pub fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            said: HashMap::new(),
            prune_at: REMEMBERED,
        }
    }

    /// Counts one more message of this cluster.
    pub fn take(&mut self, cluster: &ClusterName, bytes: usize, now: Instant) -> Admission {
        if let Some(said) = self.said.get_mut(cluster) {
            return said.take(bytes, self.limit, now);
        }
        if self.said.len() >= self.prune_at {
            self.said
                .retain(|_, said| !said.messages.is_over(WITHIN, now));
            self.prune_at = REMEMBERED.max(2 * self.said.len());
        }
        let said = self.said.entry(cluster.clone()).or_default();
        said.take(bytes, self.limit, now)
    }
}

impl Said {
    fn take(&mut self, bytes: usize, limit: RateLimit, now: Instant) -> Admission {
        let within = |most| Limit {
            most,
            within: WITHIN,
        };
        let RateLimit {
            messages,
            flood_bytes,
        } = limit;
        let taken = self.messages.charge(1, within(messages), now);
        let is_little = self.bytes.take(bytes, within(flood_bytes), now);
        if !is_little || self.messages.used() > FLOOD * messages {
            return Admission::Flood;
        }
        match taken {
            Take::Fits => Admission::Read,
            Take::Overflows => Admission::Overflow,
            Take::Full => Admission::LeaveOut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit {
        messages: 3,
        flood_bytes: 100,
    };

    fn cluster(number: usize) -> ClusterName {
        format!("c{number}").parse().expect("a name")
    }

    #[test]
    fn a_cluster_that_says_too_much_is_left_out_and_no_other() {
        let (mut limits, now) = (RateLimits::new(LIMIT), Instant::now());
        let said = [(); 7].map(|()| limits.take(&cluster(1), 1, now));
        use Admission::{Flood, LeaveOut, Overflow, Read};
        let beyond = [Overflow, LeaveOut, LeaveOut, Flood];
        assert_eq!((&said[..3], &said[3..]), (&[Read; 3][..], &beyond[..]));
        assert_eq!(limits.take(&cluster(2), 1, now), Read);
        assert_eq!(limits.take(&cluster(1), 1, now + WITHIN), Read);
    }

    #[test]
    fn a_few_large_messages_are_a_flood_too() {
        let (mut limits, now) = (RateLimits::new(LIMIT), Instant::now());
        let said = [60, 60].map(|bytes| limits.take(&cluster(1), bytes, now));
        assert_eq!(said, [Admission::Read, Admission::Flood]);
    }

    #[test]
    fn clusters_that_are_silent_are_not_remembered() {
        let (mut limits, start) = (RateLimits::new(LIMIT), Instant::now());
        for number in 0..100_000 {
            let now = start + WITHIN * u32::try_from(number / 100).expect("small");
            limits.take(&cluster(number), 1, now);
        }
        assert!(limits.said.len() <= REMEMBERED, "{}", limits.said.len());
    }
}
