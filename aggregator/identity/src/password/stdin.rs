//! `aggregator user hash-password`: reads a password from standard input, so that it appears neither in the process list nor in the shell
//! history.

use std::io::{self, BufRead, Read, Write};

use text_input::{BYTE_ORDER_MARK, TextError};

use crate::prepared::{self, PreparedError};

use super::{MAX_BYTES, MIN_CHARACTERS, Password, hash};

/// The password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashPasswordError {
    /// Too short.
    #[error("the password has fewer than {MIN_CHARACTERS} characters")]
    TooShort,
    /// Longer than a sign-in accepts.
    #[error("the password has more than {MAX_BYTES} bytes")]
    TooLong,
    /// The encoding of its bytes is not UTF-8, or a character cannot be seen.
    #[error("the password was not read: {0}")]
    NotText(#[from] TextError),
    /// The pipe of Windows PowerShell may send one.
    #[error(
        "the password begins with U+FEFF (byte order mark); in PowerShell set $OutputEncoding = [Text.UTF8Encoding]::new($false) first"
    )]
    ByteOrderMark,
    /// As from `echo password | …` of Windows' command line, which sends the blank before the bar too.
    #[error("the password begins or ends with a blank")]
    BlankAtAnEnd,
    /// It has a character that no password may have.
    #[error("the password cannot be used: {0}")]
    NotPrepared(#[from] PreparedError),
    /// More than one line was given.
    #[error("give the password as one line")]
    SeveralLines,
    /// Reading or writing failed.
    #[error("cannot read the password or write its hash")]
    Io(#[from] io::Error),
    /// Hashing failed.
    #[error("the password cannot be hashed")]
    HashFailed(#[source] argon2::password_hash::Error),
}

/// Reads one line from standard input and writes its hash to standard output.
///
/// # Errors
/// See [`HashPasswordError`].
pub fn hash_password_from_stdin() -> Result<(), HashPasswordError> {
    hash_line(io::stdin().lock(), io::stdout().lock())
}

fn hash_line(input: impl BufRead, mut output: impl Write) -> Result<(), HashPasswordError> {
    // One or two bytes for the end of the line, and one more to detect that there is too much.
    let mut bytes = Vec::new();
    input
        .take(MAX_BYTES as u64 + 3)
        .read_to_end(&mut bytes)
        .map_err(HashPasswordError::Io)?;
    if bytes.starts_with(BYTE_ORDER_MARK) {
        return Err(HashPasswordError::ByteOrderMark);
    }
    let text = text_input::decode(&bytes)?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains(['\n', '\r']) {
        return Err(HashPasswordError::SeveralLines);
    }
    if line.len() > MAX_BYTES {
        return Err(HashPasswordError::TooLong);
    }
    if line.chars().count() < MIN_CHARACTERS {
        return Err(HashPasswordError::TooShort);
    }
    if line.trim() != line {
        return Err(HashPasswordError::BlankAtAnEnd);
    }
    let line = prepared::password(line)?;
    let made = hash(&Password::from(line)).map_err(HashPasswordError::HashFailed)?;
    writeln!(output, "{}", made.expose())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::{Passwords, StoredHash};

    fn run(input: impl AsRef<[u8]>) -> Result<String, HashPasswordError> {
        let mut output = Vec::new();
        hash_line(input.as_ref(), &mut output)?;
        Ok(String::from_utf8(output).expect("a hash is ASCII"))
    }

    #[tokio::test]
    async fn the_line_without_its_end_is_what_is_hashed() {
        for input in ["correct horse", "correct horse\n", "correct horse\r\n"] {
            let line = run(input).unwrap();
            let hash = StoredHash::try_from(line.trim_end().to_owned()).unwrap();
            let typed = Password::from("correct horse".to_owned());
            assert!(Passwords::default().verify(typed, hash).await.unwrap());
        }
    }

    #[test]
    fn what_is_no_password_is_refused_by_its_reason() {
        use HashPasswordError::{SeveralLines, TooLong, TooShort};
        assert!(matches!(run("").unwrap_err(), TooShort));
        assert!(matches!(run("seven77\n").unwrap_err(), TooShort));
        assert!(matches!(run("correct\nhorse\n").unwrap_err(), SeveralLines));
        assert!(matches!(
            run("a".repeat(MAX_BYTES + 1)).unwrap_err(),
            TooLong
        ));
        assert!(run(format!("{}\r\n", "a".repeat(MAX_BYTES))).is_ok());
    }

    #[test]
    fn what_a_shell_adds_unseen_is_refused_by_its_name() {
        let utf16 = "correct horse\r\n".encode_utf16();
        let utf16: Vec<u8> = utf16.flat_map(u16::to_le_bytes).collect();
        assert!(run(&utf16).unwrap_err().to_string().contains("UTF-16"));
        for (input, expected) in [
            ("\u{feff}correct horse\r\n", "U+FEFF (byte order mark)"),
            ("correct\u{200b} horse\n", "U+200B (zero width space)"),
            ("correct\thorse\n", "U+0009 (tab)"),
            ("correct horse \r\n", "ends with a blank"),
            ("\u{a0}correct horse\n", "ends with a blank"),
        ] {
            let refused = run(input).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
            assert!(!refused.contains("correct"), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_password_from_another_keyboard_is_the_same() {
        let hash = run("pass word Rene\u{301}\n").unwrap();
        let hash = StoredHash::try_from(hash.trim_end().to_owned()).unwrap();
        let typed = Password::from("pass\u{a0}word Ren\u{e9}".to_owned());
        assert!(Passwords::default().verify(typed, hash).await.unwrap());
    }
}
