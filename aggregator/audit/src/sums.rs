//! Summaries of refused sign-ins. Anyone can cause any number of them, so they have a separate stream, which drops its oldest lines, and
//! those of one network within a minute make at most two lines.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use jiff::Timestamp;

use super::entry::{Entry, Outcome, SIGN_IN};
use super::refused::{Refusal, RefusedSignIns};
use limits::network;

/// The user name in a line about several users.
const SEVERAL: &str = "(several)";

/// How long refusals are summarised after the first one, which is written at once.
const SUMMED_FOR: Duration = Duration::from_secs(60);

/// Most networks with separate summaries; refusals from further networks share one.
const NETWORKS: usize = 256;

/// Most names distinguished in one summary.
const NAMES: usize = 512;

/// Most names shown in a summary.
const SHOWN: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    network: Option<IpNet>,
    refusal: Refusal,
}

#[derive(Debug)]
struct Sum {
    due: Instant,
    count: u64,
    names: HashSet<u64>,
    sample: Vec<String>,
}

/// The summaries in progress. Time is an argument.
#[derive(Debug, Default)]
pub(super) struct Sums {
    sums: BTreeMap<Source, Sum>,
    hasher: RandomState,
}

impl Sums {
    /// Counts a refusal; returns whether it is the first one, which is not summarised.
    pub fn add(&mut self, address: IpAddr, refusal: Refusal, user: &str, now: Instant) -> bool {
        let mut source = Source {
            network: Some(network(address, 24, 48)),
            refusal,
        };
        if self.sums.len() >= NETWORKS && !self.sums.contains_key(&source) {
            source.network = None;
        }
        let Some(sum) = self.sums.get_mut(&source) else {
            let due = now + SUMMED_FOR;
            self.sums.insert(source, Sum::new(due));
            return true;
        };
        sum.count += 1;
        if sum.names.len() < NAMES
            && sum.names.insert(self.hasher.hash_one(user))
            && sum.sample.len() < SHOWN
        {
            sum.sample.push(user.to_owned());
        }
        false
    }

    /// Ends the summaries that are due; without a time, all of them.
    pub fn end(&mut self, now: Option<Instant>) -> Vec<Entry> {
        let is_due = |sum: &Sum| now.is_none_or(|now| sum.due <= now);
        let ended = self.sums.extract_if(.., |_, sum| is_due(sum));
        let summed = ended.filter(|(_, sum)| sum.count > 0);
        summed.map(|(source, sum)| sum.entry(source)).collect()
    }
}

impl Sum {
    fn new(due: Instant) -> Self {
        Self {
            due,
            count: 0,
            names: HashSet::new(),
            sample: Vec::new(),
        }
    }

    fn entry(self, Source { network, refusal }: Source) -> Entry {
        let user = match &self.sample[..] {
            [one] => one.clone(),
            _ => SEVERAL.to_owned(),
        };
        let refused = RefusedSignIns {
            network: network.map(|network| network.to_string()),
            count: self.count,
            users: self.names.len(),
            sample: self.sample,
        };
        let detail = refused.detail(refusal);
        Entry {
            refused: Some(refused),
            ..entry(user, None, detail)
        }
    }
}

/// The line of one.
pub(super) fn entry(user: String, address: Option<IpAddr>, detail: String) -> Entry {
    Entry {
        time: Timestamp::now(),
        user,
        address,
        verb: SIGN_IN.to_owned(),
        target: None,
        operation_id: None,
        reason: None,
        run_id: None,
        outcome: Outcome::Refused,
        detail: Some(detail),
        request_id: None,
        refused: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Refusal::{RateLimited, WrongCredentials};

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_is_written_at_once_and_the_rest_of_a_minute_is_one_line() {
        let (mut sums, now) = (Sums::default(), Instant::now());
        let here = address("192.0.2.7");
        let first: Vec<bool> = (0..20)
            .map(|number| sums.add(here, WrongCredentials, &format!("user-{}", number % 8), now))
            .collect();
        assert!(first[0] && !first[1..].contains(&true));
        assert!(sums.add(here, RateLimited, "ana", now), "another reason");
        assert!(sums.add(address("192.0.3.7"), WrongCredentials, "ana", now));

        let just_before = now + SUMMED_FOR - Duration::from_millis(1);
        assert_eq!(sums.end(Some(just_before)), []);
        let ended = sums.end(Some(now + SUMMED_FOR));
        let [line] = &ended[..] else {
            panic!("{ended:?}");
        };
        let refused = line.refused.as_ref().unwrap();
        assert_eq!(refused.network.as_deref(), Some("192.0.2.0/24"));
        assert_eq!(
            (refused.count, refused.users, refused.sample.len()),
            (19, 8, 5)
        );
        assert_eq!((&*line.user, line.outcome), (SEVERAL, Outcome::Refused));
        assert!(
            sums.add(here, WrongCredentials, "ana", now),
            "a minute anew"
        );
    }

    #[test]
    fn a_sum_for_one_user_is_that_users() {
        let (mut sums, now) = (Sums::default(), Instant::now());
        for _ in 0..3 {
            sums.add(address("2001:db8::1"), RateLimited, "ana", now);
        }
        let ended = sums.end(None);
        assert_eq!((ended.len(), &*ended[0].user), (1, "ana"));
    }

    #[test]
    fn a_million_networks_and_names_are_a_bounded_number_of_lines() {
        let (mut sums, now) = (Sums::default(), Instant::now());
        let mut lines = 0;
        for number in 0..1_000_000_u32 {
            let address = IpAddr::from((number << 8).to_be_bytes());
            let user = number.to_string();
            lines += usize::from(sums.add(address, WrongCredentials, &user, now));
        }
        lines += sums.end(None).len();
        assert_eq!(lines, NETWORKS + 2, "one sum of all others");
    }
}
