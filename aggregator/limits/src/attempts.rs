//! Rate limits for attempts that could be guesses (passwords, links), and for changes: a table of fixed size, whatever the number of users and
//! addresses. Time is an argument. An attempt counts against the user at that address, the address, and its network, each with its own
//! allowance: one person's wrong passwords do not block everyone behind the same proxy, and many addresses of one network count as one
//! guesser.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::network;

/// A token bucket: this many attempts at once after a pause, then one per interval.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    at_once: u32,
    one_each: Duration,
}

/// For one user from one address, for a device that the user has signed in from, and for links from one address.
const NARROW: Allowance = Allowance {
    at_once: 5,
    one_each: Duration::from_secs(12),
};

/// For all users from one address, or network of 64 bits of IPv6: an office, a proxy.
const ADDRESS: Allowance = Allowance {
    at_once: 20,
    one_each: Duration::from_secs(3),
};

/// For a whole network: 24 bits of IPv4 or 48 of IPv6, which providers assign to one customer.
const NETWORK: Allowance = Allowance {
    at_once: 100,
    one_each: Duration::from_millis(600),
};

/// For changes by one user: all workloads of a large fleet at once, then a rate at which filling the audit takes five days.
const CHANGES: Allowance = Allowance {
    at_once: 1000,
    one_each: Duration::from_millis(500),
};

const SETS: usize = 8192;

/// The slots of a set: a source can be in any of them.
const WAYS: usize = 8;

/// One source of attempts, by a keyed hash that no outsider can choose.
#[derive(Debug, Clone, Copy)]
struct Source {
    key: u64,
    allowance: Allowance,
}

/// All sources that one attempt counts against.
#[derive(Debug, Clone)]
pub struct Sources(Vec<Source>);

/// A source with recent attempts, and when its allowance will be full again.
#[derive(Debug, Clone, Copy)]
struct Slot {
    key: u64,
    paid_off: Instant,
}

/// The attempts of all sources.
#[derive(Debug)]
pub struct Attempts {
    slots: Mutex<Box<[Option<Slot>]>>,
    /// Keyed randomly in each process, so that an attacker cannot choose addresses that share a set.
    hasher: RandomState,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            slots: Mutex::new(vec![None; SETS * WAYS].into_boxed_slice()),
            hasher: RandomState::new(),
        }
    }
}

impl Attempts {
    /// A client without a known device that tries a password of this user.
    #[must_use]
    pub fn stranger(&self, user: &str, address: IpAddr) -> Sources {
        let host = network(address, 32, 64);
        Sources(vec![
            self.source(("user", user, host), NARROW),
            self.source(("address", host), ADDRESS),
            self.source(("network", network(address, 24, 48)), NETWORK),
        ])
    }

    /// A device that this user has signed in from. Its attempts and those of strangers do not count against each other.
    #[must_use]
    pub fn device(&self, user: &str, device: &[u8]) -> Sources {
        Sources(vec![self.source(("device", user, device), NARROW)])
    }

    /// A client that tries a link.
    #[must_use]
    pub fn link(&self, address: IpAddr) -> Sources {
        Sources(vec![
            self.source(("link", network(address, 32, 64)), NARROW),
            self.source(("network", network(address, 24, 48)), NETWORK),
        ])
    }

    /// A client that signs out of sessions that are not known here.
    #[must_use]
    pub fn sign_out(&self, address: IpAddr) -> Sources {
        Sources(vec![
            self.source(("address", network(address, 32, 64)), ADDRESS),
            self.source(("network", network(address, 24, 48)), NETWORK),
        ])
    }

    /// A user who changes something or signs in.
    #[must_use]
    pub fn changes(&self, user: &str) -> Sources {
        Sources(vec![self.source(("changes", user), CHANGES)])
    }

    fn source(&self, of: impl Hash, allowance: Allowance) -> Source {
        let key = self.hasher.hash_one(of);
        Source { key, allowance }
    }

    /// Counts an attempt against all of these sources. If one of them has no allowance left, refuses it and counts it against none.
    ///
    /// # Errors
    /// The time after which all of them may try again.
    pub fn acquire(&self, sources: &Sources, now: Instant) -> Result<(), Duration> {
        let mut slots = self.slots();
        let waits = sources.0.iter().filter_map(|source| {
            let slot = find(set(&mut slots, source.key), source.key)?;
            let allowed_at = slot
                .paid_off
                .checked_sub(source.allowance.one_each * (source.allowance.at_once - 1))?;
            allowed_at
                .checked_duration_since(now)
                .filter(|wait| !wait.is_zero())
        });
        if let Some(wait) = waits.max() {
            return Err(wait);
        }
        for source in &sources.0 {
            let slot = slot_for(set(&mut slots, source.key), source.key, now);
            let before = slot.map_or(now, |slot| slot.paid_off.max(now));
            *slot = Some(Slot {
                key: source.key,
                paid_off: before + source.allowance.one_each,
            });
        }
        Ok(())
    }

    /// Undoes the count of an attempt that succeeded: an office behind one address may sign in as often as it likes.
    pub fn refund(&self, sources: &Sources) {
        let mut slots = self.slots();
        for source in &sources.0 {
            if let Some(slot) = find(set(&mut slots, source.key), source.key) {
                let before = slot.paid_off.checked_sub(source.allowance.one_each);
                slot.paid_off = before.unwrap_or(slot.paid_off);
            }
        }
    }

    fn slots(&self) -> MutexGuard<'_, Box<[Option<Slot>]>> {
        self.slots.lock()
    }
}

fn set(slots: &mut [Option<Slot>], key: u64) -> &mut [Option<Slot>] {
    let set = usize::try_from(key % SETS as u64).unwrap_or(0);
    &mut slots[set * WAYS..(set + 1) * WAYS]
}

fn find(set: &mut [Option<Slot>], key: u64) -> Option<&mut Slot> {
    set.iter_mut().flatten().find(|slot| slot.key == key)
}

/// The slot of the source, or an emptied one. If all are in use, evicts the source whose allowance will be full soonest: a source with many
/// attempts cannot be evicted by many sources with one attempt each.
fn slot_for(set: &mut [Option<Slot>], key: u64, now: Instant) -> &mut Option<Slot> {
    let own = |slot: &Option<Slot>| slot.is_some_and(|slot| slot.key == key);
    let index = set.iter().position(own).unwrap_or_else(|| {
        let soonest = |slot: &Option<Slot>| slot.map_or(now, |slot| slot.paid_off);
        let indices = 0..set.len();
        indices
            .min_by_key(|index| soonest(&set[*index]))
            .unwrap_or(0)
    });
    let slot = &mut set[index];
    if !own(slot) {
        *slot = None;
    }
    slot
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn v4(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    fn v6(text: &str) -> IpAddr {
        text.parse::<Ipv6Addr>().unwrap().into()
    }

    /// Attempts until one is refused; returns how many were accepted, and the wait.
    fn exhaust(attempts: &Attempts, sources: &Sources, now: Instant) -> (usize, Duration) {
        for taken in 0..1000 {
            if let Err(wait) = attempts.acquire(sources, now) {
                return (taken, wait);
            }
        }
        panic!("never refused");
    }

    /// Tries one password of each of many users.
    fn spray(attempts: &Attempts, addresses: impl Iterator<Item = IpAddr>, now: Instant) -> usize {
        let tried = addresses.enumerate().filter(|(number, address)| {
            let stranger = attempts.stranger(&format!("user-{number}"), *address);
            attempts.acquire(&stranger, now).is_ok()
        });
        tried.count()
    }

    #[test]
    fn the_sixth_try_is_refused_until_its_time_has_come() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let ana = attempts.stranger("ana", v4(1));
        let (taken, wait) = exhaust(&attempts, &ana, now);
        assert_eq!((taken, wait), (5, NARROW.one_each));
        let just_before = now + wait - Duration::from_millis(1);
        assert!(attempts.acquire(&ana, just_before).is_err());
        assert!(attempts.acquire(&ana, now + wait).is_ok());
        assert!(attempts.acquire(&ana, now + wait).is_err());
        let (later, _) = exhaust(&attempts, &ana, now + Duration::from_secs(600));
        assert_eq!(later, 5);
    }

    #[test]
    fn a_user_may_change_a_thousand_at_once_and_then_two_a_second() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let ana = attempts.changes("ana");
        for _ in 0..1000 {
            attempts.acquire(&ana, now).unwrap();
        }
        assert_eq!(attempts.acquire(&ana, now), Err(CHANGES.one_each));
        assert!(attempts.acquire(&attempts.changes("bob"), now).is_ok());
        let later = now + Duration::from_secs(1);
        let taken = (0..10).filter(|_| attempts.acquire(&ana, later).is_ok());
        assert_eq!(taken.count(), 2);
    }

    #[test]
    fn another_user_another_address_and_a_known_device_go_on() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        exhaust(&attempts, &attempts.stranger("ana", v4(1)), now);
        assert!(
            attempts
                .acquire(&attempts.stranger("bob", v4(1)), now)
                .is_ok()
        );
        assert!(
            attempts
                .acquire(&attempts.stranger("ana", v4(2)), now)
                .is_ok()
        );
        let device = attempts.device("ana", b"laptop");
        assert_eq!(exhaust(&attempts, &device, now).0, 5);
        assert!(
            attempts
                .acquire(&attempts.device("ana", b"phone"), now)
                .is_ok()
        );
        assert!(
            attempts
                .acquire(&attempts.device("bob", b"laptop"), now)
                .is_ok()
        );
    }

    #[test]
    fn an_address_has_twenty_for_all_users_and_a_network_a_hundred() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        assert_eq!(spray(&attempts, (0..50).map(|_| v4(1)), now), 20);
        let addresses = (256..512).flat_map(|number| [v4(number); 3]);
        assert_eq!(spray(&attempts, addresses, now), 100);
        let sources = (0..65_536).map(|number| v6(&format!("2001:db8:0:{number:x}::1")));
        assert_eq!(spray(&attempts, sources, now), 100);
        assert!(
            attempts
                .acquire(&attempts.stranger("ana", v6("2001:db8:1::1")), now)
                .is_ok()
        );
    }

    #[test]
    fn what_is_refused_for_one_reason_does_not_count_for_another() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..1000 {
            let _ = attempts.acquire(&attempts.stranger("ana", v4(1)), now);
        }
        assert_eq!(spray(&attempts, (0..50).map(|_| v4(1)), now), 20 - 5);
    }

    #[test]
    fn right_tries_do_not_count() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..1000 {
            let stranger = attempts.stranger(&format!("user-{}", number % 3), v4(1));
            attempts.acquire(&stranger, now).unwrap();
            attempts.refund(&stranger);
        }
        assert_eq!(
            exhaust(&attempts, &attempts.stranger("user-1", v4(1)), now).0,
            5
        );
    }

    #[test]
    fn tries_at_the_same_time_count_before_they_are_known_to_be_right() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let ana = attempts.stranger("ana", v4(1));
        exhaust(&attempts, &ana, now);
        attempts.refund(&ana);
        assert!(attempts.acquire(&ana, now).is_ok());
        assert!(attempts.acquire(&ana, now).is_err());
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_a_mapped_address_is_what_it_maps() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let ana = |address| attempts.stranger("ana", address);
        exhaust(&attempts, &ana(v6("2001:db8::1")), now);
        assert!(attempts.acquire(&ana(v6("2001:db8::ffff:1")), now).is_err());
        assert!(attempts.acquire(&ana(v6("2001:db8:0:1::1")), now).is_ok());
        exhaust(&attempts, &ana(v4(0x0a00_0001)), now);
        assert!(attempts.acquire(&ana(v6("::ffff:10.0.0.1")), now).is_err());
        assert!(attempts.acquire(&ana(v6("::ffff:10.0.0.2")), now).is_ok());
    }

    #[test]
    fn a_million_addresses_need_no_more_memory_and_wash_nobody_out() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let bytes = || std::mem::size_of_val::<[Option<Slot>]>(&attempts.slots());
        let before = bytes();
        let ana = attempts.stranger("ana", v4(0));
        exhaust(&attempts, &ana, now);
        // One of each network.
        for number in 1..=1_000_000 {
            let stranger = attempts.stranger("ana", v4(number << 8));
            assert!(attempts.acquire(&stranger, now).is_ok(), "{number}");
        }
        assert_eq!(bytes(), before);
        assert!(before < 4 * 1024 * 1024, "{before} bytes");
        assert!(attempts.acquire(&ana, now).is_err());
    }
}
