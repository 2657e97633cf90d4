//! Where the next page of the audit begins, encrypted and authenticated: a plain number would count the lines that its reader may not
//! see. With a key of the reader's own, so that nobody gets anywhere with somebody else's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::password::UserKey;

/// For which a key is derived.
pub const PURPOSE: &str = "cursor of the audit";

const TAG: usize = 16;

/// The `continue` that leads to this line of the stream.
pub fn write(key: &UserKey, sequence: u64) -> String {
    let tag = tag(key, sequence);
    let hidden = sequence ^ mask(key, &tag);
    URL_SAFE_NO_PAD.encode([&tag[..], &hidden.to_be_bytes()].concat())
}

/// The line that it leads to; `None` if it was not given out to the holder of this key.
pub fn read(key: &UserKey, text: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (claimed, hidden) = bytes.split_first_chunk::<TAG>()?;
    let sequence = u64::from_be_bytes(hidden.try_into().ok()?) ^ mask(key, claimed);
    bool::from(tag(key, sequence).ct_eq(claimed)).then_some(sequence)
}

fn tag(key: &UserKey, sequence: u64) -> [u8; TAG] {
    first(key.authenticate(&[b"tag", &sequence.to_be_bytes()[..]].concat()))
}

fn mask(key: &UserKey, tag: &[u8; TAG]) -> u64 {
    u64::from_be_bytes(first(key.authenticate(&[b"mask", &tag[..]].concat())))
}

fn first<const N: usize>(code: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| code[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::StoredHash;

    fn key(user: &str, purpose: &str) -> UserKey {
        UserKey::derive(user, &StoredHash::decoy(None), purpose)
    }

    #[test]
    fn a_cursor_leads_back_and_shows_neither_its_line_nor_how_far_two_are_apart() {
        let key = key("ana", PURPOSE);
        let written: Vec<String> = (0..1000).map(|line| write(&key, line)).collect();
        for (line, text) in written.iter().enumerate() {
            assert_eq!(read(&key, text), Some(line as u64));
        }
        let bytes: Vec<_> = written.iter().map(|text| &text[..8]).collect();
        assert!(!bytes.is_sorted());
        let different: std::collections::BTreeSet<_> = bytes.iter().collect();
        assert_eq!(different.len(), 1000);
    }

    #[test]
    fn what_was_not_given_out_or_to_somebody_else_leads_nowhere() {
        let own = key("ana", PURPOSE);
        let text = write(&own, 7);
        for other in [key("bob", PURPOSE), key("ana", "something else")] {
            assert_eq!(read(&other, &text), None);
        }
        let changed = if text.ends_with('A') { "B" } else { "A" };
        let changed = format!("{}{changed}", &text[..text.len() - 1]);
        for text in ["", "7", "!", &text[1..], &format!("{text}A"), &changed] {
            assert_eq!(read(&own, text), None, "{text}");
        }
    }
}
