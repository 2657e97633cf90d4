//! Where the next page of the audit begins in its two streams, encrypted and authenticated: a plain number would reveal how many lines its
//! reader may not see. The key is derived for each reader, so that a cursor is of no use to anyone else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use ::audit::Cursor;

use identity::password::UserKey;

/// The purpose for which the key is derived.
pub const PURPOSE: &str = "cursor of the audit";

const TAG: usize = 16;

const BYTES: usize = 2 * size_of::<u64>();

/// The `continue` for this position.
pub fn write(key: &UserKey, cursor: Cursor) -> String {
    let tag = tag(key, cursor);
    let hidden = masked(key, &tag, to_bytes(cursor));
    URL_SAFE_NO_PAD.encode([&tag[..], &hidden].concat())
}

/// The position of a `continue`; `None` if it was not issued to the holder of this key.
pub fn read(key: &UserKey, text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (claimed, hidden) = bytes.split_first_chunk::<TAG>()?;
    let bytes = masked(key, claimed, hidden.try_into().ok()?);
    let cursor = from_bytes(bytes);
    bool::from(tag(key, cursor).ct_eq(claimed)).then_some(cursor)
}

fn to_bytes(cursor: Cursor) -> [u8; BYTES] {
    let both = u128::from(cursor.audit) << 64 | u128::from(cursor.refused);
    both.to_be_bytes()
}

fn from_bytes(bytes: [u8; BYTES]) -> Cursor {
    let [audit, refused] = [0, 8].map(|from| {
        let number = std::array::from_fn(|at| bytes[from + at]);
        u64::from_be_bytes(number)
    });
    Cursor { audit, refused }
}

fn tag(key: &UserKey, cursor: Cursor) -> [u8; TAG] {
    first(key.authenticate(&[b"tag", &to_bytes(cursor)[..]].concat()))
}

fn masked(key: &UserKey, tag: &[u8; TAG], bytes: [u8; BYTES]) -> [u8; BYTES] {
    let mask: [u8; BYTES] = first(key.authenticate(&[b"mask", &tag[..]].concat()));
    std::array::from_fn(|at| bytes[at] ^ mask[at])
}

fn first<const N: usize>(code: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| code[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::password::StoredHash;

    fn cursor(number: u64) -> Cursor {
        Cursor {
            audit: number / 30,
            refused: number % 30,
        }
    }

    fn key(user: &str, purpose: &str) -> UserKey {
        UserKey::derive(user, &StoredHash::decoy(None), purpose)
    }

    #[test]
    fn a_cursor_leads_back_and_shows_neither_its_line_nor_how_far_two_are_apart() {
        let key = key("ana", PURPOSE);
        let written: Vec<String> = (0..1000)
            .map(|number| write(&key, cursor(number)))
            .collect();
        for (number, text) in (0..).zip(&written) {
            assert_eq!(read(&key, text), Some(cursor(number)));
        }
        let bytes: Vec<_> = written.iter().map(|text| &text[..8]).collect();
        assert!(!bytes.is_sorted());
        let different: std::collections::BTreeSet<_> = bytes.iter().collect();
        assert_eq!(different.len(), 1000);
    }

    #[test]
    fn what_was_not_given_out_or_to_somebody_else_leads_nowhere() {
        let own = key("ana", PURPOSE);
        let text = write(&own, cursor(7));
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
