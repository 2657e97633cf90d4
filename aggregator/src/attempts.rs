//! How often one address may try to sign in: a table of fixed size, whatever the number of addresses. Time is an argument.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// At once, after a while without any.
const AT_ONCE: u32 = 5;

/// After that one each so often, which makes five a minute.
const ONE_EACH: Duration = Duration::from_secs(12);

const SETS: usize = 8192;

/// The slots that an address may stand in.
const WAYS: usize = 8;

/// Who tries. Of an IPv6 address only the network: whoever has one has 2^64 addresses in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// An address that has tried, and when its last try will have been paid off.
#[derive(Debug, Clone, Copy)]
struct Slot {
    source: Source,
    paid_off: Instant,
}

/// The tries of all addresses.
#[derive(Debug)]
pub struct Attempts {
    slots: Mutex<Box<[Option<Slot>]>>,
    /// Keyed anew in each process, so that nobody can choose addresses that share a set.
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
    /// Counts a try; refuses it with the time to wait when there were too many.
    ///
    /// # Errors
    /// The time after which the address may try again.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let source = Source::from(address);
        let mut slots = self.slots();
        let set = self.set(&mut slots, source);
        let slot = place(set, source, now);
        let before = slot.map_or(now, |slot| slot.paid_off.max(now));
        let allowed_at = before.checked_sub(ONE_EACH * (AT_ONCE - 1)).unwrap_or(now);
        if allowed_at > now {
            return Err(allowed_at - now);
        }
        *slot = Some(Slot {
            source,
            paid_off: before + ONE_EACH,
        });
        Ok(())
    }

    /// Takes a try back: it was a right one, and an office behind one address may sign in as often as it likes.
    pub fn give_back(&self, address: IpAddr) {
        let source = Source::from(address);
        let mut slots = self.slots();
        let set = self.set(&mut slots, source);
        let slot = set.iter_mut().flatten().find(|slot| slot.source == source);
        if let Some(slot) = slot {
            slot.paid_off = slot.paid_off.checked_sub(ONE_EACH).unwrap_or(slot.paid_off);
        }
    }

    fn slots(&self) -> MutexGuard<'_, Box<[Option<Slot>]>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set<'a>(&self, slots: &'a mut [Option<Slot>], source: Source) -> &'a mut [Option<Slot>] {
        let hash = self.hasher.hash_one(source);
        let set = usize::try_from(hash % SETS as u64).unwrap_or(0);
        &mut slots[set * WAYS..(set + 1) * WAYS]
    }
}

/// The slot of the source, emptied if it is another's. With all of them taken the one goes that is soonest paid off: an address that
/// tries often cannot be washed out by many that try once.
fn place(set: &mut [Option<Slot>], source: Source, now: Instant) -> &mut Option<Slot> {
    let own = |slot: &Option<Slot>| slot.is_some_and(|slot| slot.source == source);
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

    /// Tries until it is refused; how often that went well, and how long to wait.
    fn exhaust(attempts: &Attempts, address: IpAddr, now: Instant) -> (usize, Duration) {
        for taken in 0..100 {
            if let Err(wait) = attempts.take(address, now) {
                return (taken, wait);
            }
        }
        panic!("never refused");
    }

    #[test]
    fn the_sixth_try_is_refused_until_its_time_has_come() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let (taken, wait) = exhaust(&attempts, v4(1), now);
        assert_eq!((taken, wait), (5, ONE_EACH));
        let just_before = now + wait - Duration::from_millis(1);
        assert!(attempts.take(v4(1), just_before).is_err());
        assert!(attempts.take(v4(1), now + wait).is_ok());
        assert!(attempts.take(v4(1), now + wait).is_err());
        let (later, _) = exhaust(&attempts, v4(1), now + Duration::from_secs(600));
        assert_eq!(later, 5);
    }

    #[test]
    fn another_address_goes_on() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        exhaust(&attempts, v4(1), now);
        assert!(attempts.take(v4(2), now).is_ok());
    }

    #[test]
    fn right_tries_do_not_count() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..100 {
            attempts.take(v4(1), now).unwrap();
            attempts.give_back(v4(1));
        }
        assert_eq!(exhaust(&attempts, v4(1), now).0, 5);
    }

    #[test]
    fn tries_at_the_same_time_count_before_they_are_known_to_be_right() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        exhaust(&attempts, v4(1), now);
        attempts.give_back(v4(1));
        assert!(attempts.take(v4(1), now).is_ok());
        assert!(attempts.take(v4(1), now).is_err());
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_a_mapped_address_is_what_it_maps() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let v6 = |text: &str| IpAddr::from(text.parse::<Ipv6Addr>().unwrap());
        exhaust(&attempts, v6("2001:db8::1"), now);
        assert!(attempts.take(v6("2001:db8::ffff:1"), now).is_err());
        assert!(attempts.take(v6("2001:db8:0:1::1"), now).is_ok());
        exhaust(&attempts, v4(0x0a00_0001), now);
        assert!(attempts.take(v6("::ffff:10.0.0.1"), now).is_err());
        assert!(attempts.take(v6("::ffff:10.0.0.2"), now).is_ok());
    }

    #[test]
    fn a_million_addresses_need_no_more_memory_and_wash_nobody_out() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let bytes = || std::mem::size_of_val::<[Option<Slot>]>(&attempts.slots());
        let before = bytes();
        exhaust(&attempts, v4(0), now);
        for number in 1..=1_000_000 {
            assert!(attempts.take(v4(number), now).is_ok(), "{number}");
        }
        assert_eq!(bytes(), before);
        assert!(before < 4 * 1024 * 1024, "{before} bytes");
        assert!(attempts.take(v4(0), now).is_err());
    }
}
