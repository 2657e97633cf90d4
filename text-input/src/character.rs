//! Characters that a screen does not show.

use std::fmt;

/// A character with its name, as an error shows it: `U+200B (zero width space)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    character: char,
    name: Option<&'static str>,
}

impl Named {
    /// Any character; its name only if it cannot be seen.
    #[must_use]
    pub fn new(character: char) -> Self {
        let name = name(character).or(match character {
            '\t' => Some("tab"),
            '\n' => Some("line feed"),
            '\r' => Some("carriage return"),
            ' ' => Some("space"),
            '\u{a0}' => Some("no-break space"),
            _ => None,
        });
        Self { character, name }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U+{:04X}", u32::from(self.character))?;
        match self.name {
            Some(name) => write!(f, " ({name})"),
            None if self.character.is_control() => write!(f, " (control character)"),
            None => write!(f, " ({})", self.character),
        }
    }
}

/// The character, if it takes no space on a screen or changes the direction of others. Editors and web pages leave such behind when a text
/// is copied.
#[must_use]
pub fn invisible(character: char) -> Option<Named> {
    name(character).map(|name| Named {
        character,
        name: Some(name),
    })
}

fn name(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{ad}' => "soft hyphen",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{200e}' => "left-to-right mark",
        '\u{200f}' => "right-to-left mark",
        '\u{202a}' => "left-to-right embedding",
        '\u{202b}' => "right-to-left embedding",
        '\u{202c}' => "pop directional formatting",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override",
        '\u{2060}' => "word joiner",
        '\u{2066}' => "left-to-right isolate",
        '\u{2067}' => "right-to-left isolate",
        '\u{2068}' => "first strong isolate",
        '\u{2069}' => "pop directional isolate",
        '\u{feff}' => "byte order mark",
        _ => return None,
    })
}
