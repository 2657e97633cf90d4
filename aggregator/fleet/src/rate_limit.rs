//! Limits how much the agents of each cluster may publish on a subject that all clusters share. Decided by the subject only, which the
//! broker authenticates, before anything is parsed: excess messages must cost less to drop than to send, or a flood of one cluster
//! would fill the subscription, and the client would drop the others' messages.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bus_schema::ClusterName;

use limits::{Limit, Take, Window};
use registry::CHANGES_LIMIT;

const WITHIN: Duration = Duration::from_secs(5);

/// Messages beyond the limit are ignored; beyond this many times the limit, or the limit in bytes, they are a flood.
const FLOOD: usize = 2;

/// The limit of one cluster within [`WITHIN`].
#[derive(Debug, Clone, Copy)]
pub struct RateLimit {
    messages: usize,
    flood_bytes: usize,
}

const MIB: usize = 1024 * 1024;

/// Heartbeats: of 32 instances that each send one a second, and their answers to a roll call.
pub const HEARTBEATS: RateLimit = RateLimit {
    messages: 256,
    flood_bytes: 8 * MIB,
};

/// Changes of deployments: two messages a second of each of 32 instances, with a margin of three.
pub const CHANGES: RateLimit = RateLimit {
    messages: 1_024,
    flood_bytes: 2 * CHANGES_LIMIT.most,
};

/// Responses to fleet queries: one for each query, and no aggregator sends 3,000 queries a second.
pub const ANSWERS: RateLimit = RateLimit {
    messages: 16_384,
    flood_bytes: 512 * MIB,
};

/// Requests for a credential's renewal: a few a year, and retries of those without a reply.
pub const RENEWALS: RateLimit = RateLimit {
    messages: 256,
    flood_bytes: 8 * MIB,
};

/// The number of clusters remembered before inactive ones are removed.
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

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    Read,
    /// Ignore it; it is the first one beyond the limit.
    Overflow,
    LeaveOut,
    /// Ignore it, and exclude its cluster.
    Flood,
}

impl RateLimit {
    /// The number of messages of a cluster on trial after which the broker ends its subscription.
    pub fn on_trial(self) -> usize {
        self.messages / 16
    }
}

impl RateLimits {
    /// The same limit for each cluster.
    pub fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            said: HashMap::new(),
            prune_at: REMEMBERED,
        }
    }

    /// Counts a message of this cluster.
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
    fn only_the_cluster_that_exceeds_its_limit_is_ignored() {
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
    fn inactive_clusters_are_not_remembered() {
        let (mut limits, start) = (RateLimits::new(LIMIT), Instant::now());
        for number in 0..100_000 {
            let now = start + WITHIN * u32::try_from(number / 100).expect("small");
            limits.take(&cluster(number), 1, now);
        }
        assert!(limits.said.len() <= REMEMBERED, "{}", limits.said.len());
    }
}
