//! Keys of the bucket `runs`: `<id>.run`, `<id>.plan.<n>`, `<id>.target.<n>`, `<id>.lease` and `<id>.notified`.

use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::str::FromStr;

use storage::RecordKey;

use crate::RunId;

/// What a record of a run is.
pub trait Section: Clone + Eq + Hash + Debug + Send + Sync + 'static {
    /// The token after the run's id.
    const NAME: &'static str;
    /// Whether a number follows.
    const NUMBERED: bool;
}

macro_rules! sections {
    ($($(#[$doc:meta])* $section:ident = $name:literal, $numbered:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $section;

        impl Section for $section {
            const NAME: &'static str = $name;
            const NUMBERED: bool = $numbered;
        }
    )*};
}

sections! {
    /// The run itself.
    Header = "run", false;
    /// A part of its plan.
    Part = "plan", true;
    /// One of its targets.
    Target = "target", true;
    /// The lease of the replica that carries it out.
    Leasing = "lease", false;
    /// What webhooks were notified of.
    Notifications = "notified", false;
}

/// The key of one record of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunKey<S: Section> {
    text: String,
    /// The run.
    pub run: RunId,
    /// The number of the record, from 0.
    pub number: u32,
    section: PhantomData<S>,
}

/// The text is not a key of such a record.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not a key of a run's record")]
pub struct RunKeyError;

impl<S: Section> RunKey<S> {
    /// The record with this number; a section without numbers has only number 0.
    #[must_use]
    pub fn new(run: &RunId, number: u32) -> Self {
        let name = S::NAME;
        let text = match S::NUMBERED {
            true => format!("{run}.{name}.{number}"),
            false => format!("{run}.{name}"),
        };
        Self {
            text,
            run: run.clone(),
            number,
            section: PhantomData,
        }
    }

    /// All keys of this section of a run, as a NATS subject pattern.
    #[must_use]
    pub fn all_of(run: &RunId) -> String {
        let name = S::NAME;
        match S::NUMBERED {
            true => format!("{run}.{name}.*"),
            false => format!("{run}.{name}"),
        }
    }
}

impl<S: Section> FromStr for RunKey<S> {
    type Err = RunKeyError;

    fn from_str(text: &str) -> Result<Self, RunKeyError> {
        let mut tokens = text.split('.');
        let run: RunId = tokens
            .next()
            .and_then(|id| id.parse().ok())
            .ok_or(RunKeyError)?;
        let name = tokens.next();
        let number = match (S::NUMBERED, tokens.next()) {
            (true, Some(number)) => number.parse().map_err(|_| RunKeyError)?,
            (false, None) => 0,
            _ => return Err(RunKeyError),
        };
        let key = Self::new(&run, number);
        // A number has one spelling.
        let is_key = name == Some(S::NAME) && key.text == text;
        is_key.then_some(key).ok_or(RunKeyError)
    }
}

impl<S: Section> RecordKey for RunKey<S> {
    fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_belongs_to_one_section() {
        let run: RunId = "019cb00b000-0123456789abcdef".parse().unwrap();
        let key = RunKey::<Target>::new(&run, 7);
        assert_eq!(key.as_str(), "019cb00b000-0123456789abcdef.target.7");
        assert_eq!(key.as_str().parse::<RunKey<Target>>().unwrap(), key);
        assert!(key.as_str().parse::<RunKey<Part>>().is_err());
        for text in [
            "x",
            "x.target",
            "x.target.",
            "x.target.07",
            "x.target.1.2",
            "X.target.1",
            "x.run.0",
        ] {
            assert!(text.parse::<RunKey<Target>>().is_err(), "{text}");
        }
        assert!("x.run".parse::<RunKey<Header>>().is_ok());
        assert!("x.run.0".parse::<RunKey<Header>>().is_err());
    }
}
