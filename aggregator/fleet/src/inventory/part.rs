//! The parts of a list: each fits into a message and begins with the id of its list.

use bus_schema::{ClusterName, StreamId};
use bytes::Bytes;

/// Well below the broker's message limit of 1 MiB.
const BYTES: usize = 512 * 1024;

/// The key of a part.
pub fn key(cluster: &ClusterName, slot: usize, number: usize) -> String {
    format!("{cluster}.{slot}.{number}")
}

/// Splits a compressed list into parts.
pub fn split(id: &StreamId, packed: &[u8]) -> Vec<Bytes> {
    let part = |bytes: &[u8]| Bytes::from([id.as_str().as_bytes(), b"\n", bytes].concat());
    packed.chunks(BYTES).map(part).collect()
}

/// The data of a part, if it belongs to the list of this id.
pub fn of<'a>(id: &StreamId, part: &'a [u8]) -> Option<&'a [u8]> {
    part.strip_prefix(id.as_str().as_bytes())?
        .strip_prefix(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_together_are_the_list_and_belong_to_no_other() {
        let packed: Vec<u8> = (0..=255).cycle().take(2 * BYTES + 7).collect();
        let (id, other): (StreamId, StreamId) = ("a".parse().unwrap(), "ab".parse().unwrap());
        let parts = split(&id, &packed);
        assert_eq!(parts.len(), 3);
        let read: Option<Vec<&[u8]>> = parts.iter().map(|part| of(&id, part)).collect();
        assert_eq!(read.unwrap().concat(), packed);
        assert!(parts.iter().all(|part| of(&other, part).is_none()));
        assert!(split(&id, &[]).is_empty());
    }
}
