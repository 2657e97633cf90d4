//! Text that people and their editors write: files and environment variables. A byte order mark of UTF-8 is accepted; what cannot be seen
//! on a screen, and would end in an error that nobody understands, is refused by its name.

mod character;
mod environment;

use std::io;
use std::path::Path;

pub use character::{Named, invisible};
pub use environment::{EnvironmentError, check_environment};

/// The bytes are not usable text. Never repeats more of it than one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Windows PowerShell writes it with `>` and `Out-File`.
    #[error(
        "it is UTF-16; write it as UTF-8, in PowerShell with `| Set-Content -Encoding utf8 FILE`"
    )]
    Utf16,
    /// Another encoding, or not a text.
    #[error("line {line} is not UTF-8")]
    NotUtf8 {
        /// From 1.
        line: usize,
    },
    /// A character that has no width, or changes the direction of others.
    #[error("line {line}, column {column}: delete the invisible character {character}")]
    Invisible {
        /// From 1.
        line: usize,
        /// In bytes, from 1.
        column: usize,
        /// The character.
        character: Named,
    },
}

impl From<TextError> for io::Error {
    fn from(error: TextError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// The byte order mark of UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes as text, without a byte order mark at the beginning. Line ends stay as they are.
///
/// # Errors
/// See [`TextError`].
pub fn decode(bytes: &[u8]) -> Result<&str, TextError> {
    if is_utf16(bytes) {
        return Err(TextError::Utf16);
    }
    // RFC 8259, 8.1 allows to ignore it in JSON; in the other formats it has no meaning either.
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = str::from_utf8(bytes).map_err(|error| TextError::NotUtf8 {
        line: lines_before(&bytes[..error.valid_up_to()]) + 1,
    })?;
    let found = text
        .char_indices()
        .find_map(|(at, character)| Some((at, invisible(character)?)));
    match found {
        None => Ok(text),
        Some((at, character)) => Err(TextError::Invisible {
            line: lines_before(&bytes[..at]) + 1,
            column: at - text[..at].rfind('\n').map_or(0, |end| end + 1) + 1,
            character,
        }),
    }
}

/// Reads a file as [`decode`] does.
///
/// # Errors
/// When it cannot be read; [`TextError`] as [`io::ErrorKind::InvalidData`].
pub fn read(path: &Path) -> io::Result<String> {
    Ok(decode(&std::fs::read(path)?)?.to_owned())
}

fn lines_before(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// By its mark; or by the zero in one of the first two bytes, as every text has that begins in ASCII.
fn is_utf16(bytes: &[u8]) -> bool {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [first, second, ..] => (*first == 0) != (*second == 0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_are_accepted() {
        assert_eq!(decode(b"\xef\xbb\xbf{\r\n}"), Ok("{\r\n}"));
        assert_eq!(decode("é\n".as_bytes()), Ok("é\n"));
        assert_eq!(decode(b""), Ok(""));
    }

    #[test]
    fn utf_16_is_named_with_and_without_its_mark() {
        let text = |mark: &[u16], to: fn(u16) -> [u8; 2]| {
            let units = mark.iter().copied().chain("{}\r\n".encode_utf16());
            units.flat_map(to).collect::<Vec<u8>>()
        };
        for mark in [&[0xfeff][..], &[]] {
            for to in [u16::to_le_bytes, u16::to_be_bytes] {
                assert_eq!(decode(&text(mark, to)), Err(TextError::Utf16));
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_is_named_with_its_position() {
        for (text, name) in [
            ("{\r\n \u{200b}}", "U+200B (zero width space)"),
            ("{\r\n \u{feff}}", "U+FEFF (byte order mark)"),
            ("{\r\n \u{202e}}", "U+202E (right-to-left override)"),
        ] {
            let error = decode(text.as_bytes()).unwrap_err().to_string();
            let expected = format!("line 2, column 2: delete the invisible character {name}");
            assert_eq!(error, expected);
        }
        let twice = "\u{feff}\u{feff}{}";
        assert!(decode(twice.as_bytes()).is_err(), "only one is a signature");
    }

    #[test]
    fn another_encoding_is_refused_with_its_line() {
        let refused = decode(b"one\ntwo \xe9\n");
        assert_eq!(refused, Err(TextError::NotUtf8 { line: 2 }));
    }
}
