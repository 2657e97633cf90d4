//! Names and passwords in the form in which they are compared: RFC 8265, so that an é typed on a Mac equals one typed on Windows, and nothing
//! that cannot be seen makes two of them differ.

use precis_core::Error;
use precis_core::profile::Profile as _;
use precis_profiles::{OpaqueString, UsernameCasePreserved};
use text_input::Named;

/// Most characters of a user's or role's name.
pub const NAME_CHARACTERS: usize = 64;

/// The text cannot be a name or a password. Never repeats more of it than one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PreparedError {
    /// Its length.
    #[error("its length")]
    NameLength,
    /// A character of it.
    #[error("character {number}, {character}, is not allowed")]
    Character {
        /// From 1.
        number: usize,
        /// The character.
        character: Named,
    },
    /// Its characters are allowed, but not together: mostly from left to right and from right to left.
    #[error("its characters are not allowed together")]
    Together,
}

/// The name of a user or role, by the profile `UsernameCasePreserved`.
///
/// # Errors
/// See [`PreparedError`].
pub fn name(text: &str) -> Result<String, PreparedError> {
    let name = UsernameCasePreserved::new().enforce(text);
    let name = name.map_err(|error| refused(text, error))?;
    if !(1..=NAME_CHARACTERS).contains(&name.chars().count()) {
        return Err(PreparedError::NameLength);
    }
    Ok(name.into_owned())
}

/// A name as entered to sign in, without the blank that a keyboard adds after a word. What cannot be a name stays as it is: nobody has it.
#[must_use]
pub fn entered_name(text: String) -> String {
    name(text.trim()).unwrap_or(text)
}

/// A password, by the profile `OpaqueString`.
///
/// # Errors
/// See [`PreparedError`].
pub fn password(text: &str) -> Result<String, PreparedError> {
    let password = OpaqueString::new().enforce(text);
    let password = password.map_err(|error| refused(text, error))?;
    Ok(password.into_owned())
}

fn refused(text: &str, error: Error) -> PreparedError {
    if text.is_empty() {
        return PreparedError::NameLength;
    }
    let Error::BadCodepoint(at) = error else {
        return PreparedError::Together;
    };
    let Some(character) = char::from_u32(at.cp) else {
        return PreparedError::Together;
    };
    // The position is in the text after other steps of the profile.
    let number = text.chars().position(|one| one == character);
    PreparedError::Character {
        number: number.unwrap_or(at.position) + 1,
        character: Named::new(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPOSED: &str = "Ren\u{e9}";
    const DECOMPOSED: &str = "Rene\u{301}";

    #[test]
    fn a_name_is_the_same_from_every_keyboard() {
        for text in [COMPOSED, DECOMPOSED] {
            assert_eq!(name(text).as_deref(), Ok(COMPOSED));
            assert_eq!(entered_name(format!("{text} ")), COMPOSED);
        }
        assert_eq!(name("\u{ff21}na").as_deref(), Ok("Ana"), "full width");
        for text in ["ana", "ana@example.com", "CORP\\ana", "日本語", "שלום"] {
            assert_eq!(name(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_no_name_has_is_refused_by_its_name() {
        for (text, expected) in [
            ("ana\u{200b}", "character 4, U+200B (zero width space)"),
            ("\u{feff}ana", "character 1, U+FEFF (byte order mark)"),
            ("ana smith", "character 4, U+0020 (space)"),
            ("an\na", "character 3, U+000A (line feed)"),
            ("an\u{2192}", "character 3, U+2192 (\u{2192})"),
        ] {
            let refused = name(text).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
            assert_eq!(entered_name(format!(" {text}")), format!(" {text}"));
        }
        assert_eq!(name(""), Err(PreparedError::NameLength));
        assert_eq!(name(&"a".repeat(65)), Err(PreparedError::NameLength));
    }

    #[test]
    fn a_password_is_the_same_from_every_keyboard_and_keeps_its_blanks() {
        let text = "pass\u{a0}Rene\u{301} \u{1f600}";
        assert_eq!(password(text).as_deref(), Ok("pass Ren\u{e9} \u{1f600}"));
        for text in ["pass\u{feff}word", "pass\u{200b}word", "pass\tword"] {
            let refused = password(text);
            assert!(matches!(
                refused,
                Err(PreparedError::Character { number: 5, .. })
            ));
        }
    }
}
