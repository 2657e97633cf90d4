//! Settings in environment variables. Files of variables with Windows line ends leave a carriage return at the end of each value, and YAML
//! blocks a line feed: they end in paths and addresses that look right and are wrong.

use std::ffi::OsString;

use crate::{Named, invisible};

/// A variable has a value that cannot be meant. Does not show the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// It begins or ends with a blank.
    #[error("the environment variable {variable} begins or ends with {character}: delete it")]
    Blank {
        /// The variable.
        variable: String,
        /// The blank.
        character: Named,
    },
    /// It contains something that cannot be seen.
    #[error("the environment variable {variable} contains {character}: delete it")]
    Invisible {
        /// The variable.
        variable: String,
        /// The character.
        character: Named,
    },
}

/// Checks all variables of this process whose names begin with the prefix. What is not UTF-8 is left to those who read it.
///
/// # Errors
/// See [`EnvironmentError`].
pub fn check_environment(prefix: &str) -> Result<(), EnvironmentError> {
    check(prefix, std::env::vars_os())
}

fn check(
    prefix: &str,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), EnvironmentError> {
    for (variable, value) in variables {
        let (Ok(variable), Ok(value)) = (variable.into_string(), value.into_string()) else {
            continue;
        };
        if !variable.starts_with(prefix) {
            continue;
        }
        let hidden = |character: &char| character.is_control() || invisible(*character).is_some();
        let is_blank = |character: &char| character.is_whitespace();
        if let Some(character) = ends(&value).into_iter().flatten().find(is_blank) {
            let character = Named::new(character);
            return Err(EnvironmentError::Blank {
                variable,
                character,
            });
        }
        if let Some(character) = value.chars().find(hidden) {
            let character = Named::new(character);
            return Err(EnvironmentError::Invisible {
                variable,
                character,
            });
        }
    }
    Ok(())
}

fn ends(value: &str) -> [Option<char>; 2] {
    [value.chars().next(), value.chars().next_back()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(value: &str) -> Option<String> {
        let variables = [("PATH", " \r"), ("MCA_USERS", value)];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let checked = check("MCA_", variables.into_iter());
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn a_line_end_or_a_mark_that_a_file_left_in_a_value_is_named_with_its_variable() {
        for (value, expected) in [
            (
                "/srv/users.json\r",
                "MCA_USERS begins or ends with U+000D (carriage return)",
            ),
            (
                "/srv/users.json\n",
                "MCA_USERS begins or ends with U+000A (line feed)",
            ),
            (
                " /srv/users.json",
                "MCA_USERS begins or ends with U+0020 (space)",
            ),
            (
                "\u{feff}/srv/users.json",
                "MCA_USERS contains U+FEFF (byte order mark)",
            ),
            (
                "/srv/\u{200b}users.json",
                "MCA_USERS contains U+200B (zero width space)",
            ),
            (
                "/srv\0/users.json",
                "MCA_USERS contains U+0000 (control character)",
            ),
        ] {
            let refused = refusal(value).expect(value);
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[test]
    fn ordinary_values_pass() {
        for value in ["", "/srv/My Users/añade.json", "a, b"] {
            assert_eq!(refusal(value), None, "{value:?}");
        }
    }
}
