//! Everything that is random in a real cluster (uids, name suffixes, durations) comes from the seed here, so that two
//! runs are alike.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The alphabet of generated names in Kubernetes: no vowels, so no words.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

#[derive(Clone, Debug)]
pub struct Identities {
    seed: u64,
    count: u64,
}

impl Identities {
    pub fn new(seed: u64, cluster: &str) -> Self {
        Self {
            seed: digest(&(seed, cluster)),
            count: 0,
        }
    }

    pub fn uid(&mut self) -> String {
        self.count += 1;
        self.uid_of(&("count", self.count))
    }

    pub fn uid_of(&self, of: &impl Hash) -> String {
        let high = digest(&(self.seed, "high", of));
        let low = digest(&(self.seed, "low", of));
        let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0xfff);
        let (d, e) = ((low >> 48) & 0x3fff | 0x8000, low & 0xffff_ffff_ffff);
        format!("{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
    }

    /// The five characters at the end of a generated name.
    pub fn suffix(&mut self) -> String {
        self.count += 1;
        name_from(digest(&(self.seed, "suffix", self.count)), 5)
    }

    pub fn suffix_of(&self, of: &impl Hash) -> String {
        name_from(digest(&(self.seed, "suffix", of)), 5)
    }
}

pub fn digest(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// A number in `0..below` that depends only on `of`.
pub fn choose(of: &impl Hash, below: usize) -> usize {
    let below = below.max(1) as u64;
    usize::try_from(digest(of) % below).expect("it is below a usize")
}

pub fn name_from(mut number: u64, length: usize) -> String {
    let base = ALPHABET.len() as u64;
    let mut name = String::with_capacity(length);
    for _ in 0..length {
        let at = usize::try_from(number % base).expect("it is below 27");
        name.push(char::from(ALPHABET[at]));
        number /= base;
    }
    name
}
