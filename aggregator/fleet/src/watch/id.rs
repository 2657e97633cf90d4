//! Ids of events: `<epoch>-<number>`. They identify a position and reveal nothing else: two ids do not show how many events between
//! them their reader may not see. The epoch differs after each start of the process, and for each view: a stream cannot be resumed with
//! another view.

use std::hash::{BuildHasher, RandomState};

use super::View;

/// Enough for a permutation that is indistinguishable from a random one.
const ROUNDS: u8 = 4;

/// Encodes and decodes ids.
#[derive(Debug, Default)]
pub struct Ids {
    secret: RandomState,
}

impl Ids {
    /// The first part of all ids of a view.
    pub fn epoch(&self, view: &View) -> String {
        format!("{:016x}", self.secret.hash_one(view))
    }

    /// The id of a position.
    pub fn id(&self, epoch: &str, position: u64) -> String {
        format!("{epoch}-{}", self.hidden(position))
    }

    /// The position of an id of this epoch.
    pub fn position(&self, epoch: &str, id: &[u8]) -> Option<u64> {
        let number = std::str::from_utf8(id).ok()?.strip_prefix(epoch)?;
        Some(self.shown(number.strip_prefix('-')?.parse().ok()?))
    }

    /// A Feistel network: whatever its rounds do, running them backwards inverts it.
    fn hidden(&self, position: u64) -> u64 {
        let (left, right) = (0..ROUNDS).fold(halves(position), |(left, right), round| {
            (right, left ^ self.mixed(round, right))
        });
        whole(left, right)
    }

    fn shown(&self, number: u64) -> u64 {
        let (left, right) = (0..ROUNDS)
            .rev()
            .fold(halves(number), |(left, right), round| {
                (right ^ self.mixed(round, left), left)
            });
        whole(left, right)
    }

    fn mixed(&self, round: u8, half: u32) -> u32 {
        halves(self.secret.hash_one((round, half))).1
    }
}

fn halves(number: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    )
}

fn whole(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_position(position: u64) {
            let ids = Ids::default();
            prop_assert_eq!(ids.position("e", ids.id("e", position).as_bytes()), Some(position));
        }

        #[test]
        fn what_is_no_id_leads_nowhere(text in "\\PC{0,30}") {
            prop_assert_eq!(Ids::default().position("0123456789abcdef", text.as_bytes()), None);
        }
    }

    #[test]
    fn consecutive_ids_look_unrelated() {
        let ids = Ids::default();
        let mut numbers: Vec<u64> = (0..1000).map(|position| ids.hidden(position)).collect();
        let rising = numbers.is_sorted();
        numbers.sort_unstable();
        let nearest = numbers.windows(2).map(|pair| pair[1] - pair[0]).min();
        assert!(!rising && nearest > Some(1 << 20), "{nearest:?}");
    }
}
