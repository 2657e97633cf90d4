//! The position of an error in a text, and its message.

/// Where and why the file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct DocumentError {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

#[derive(Clone, Copy)]
pub(super) struct SourcePosition {
    line: usize,
    column: usize,
}

impl SourcePosition {
    /// The position at which a part of the text begins.
    pub(super) fn of(part: &str, text: &str) -> Self {
        let offset = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let before = &text[..text.floor_char_boundary(offset)];
        Self {
            line: before.matches('\n').count() + 1,
            column: before.len() - before.rfind('\n').map_or(0, |newline| newline + 1) + 1,
        }
    }

    pub(super) fn because(self, reason: String) -> DocumentError {
        DocumentError {
            line: self.line,
            column: self.column,
            reason,
        }
    }
}

/// The library's error with the path of its field.
pub(super) fn refused(path: &str, error: &serde_json::Error) -> DocumentError {
    let position = SourcePosition {
        line: error.line(),
        column: error.column(),
    };
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(text, _)| text);
    let reason = without_value(text);
    position.because(match path {
        "." | "?" => reason,
        path => format!("{path}: {reason}"),
    })
}

/// The library repeats a value of a wrong type, which may be a password that was entered instead of a hash.
fn without_value(text: &str) -> String {
    let wrong = text.starts_with("invalid type") || text.starts_with("invalid value");
    match text.rsplit_once(", expected ") {
        Some((_, expected)) if wrong => format!("not {expected}"),
        _ => text.to_owned(),
    }
}
