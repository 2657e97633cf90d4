//! The name of a person's credential: what the server's log shows, and under which its replies come in.

use std::fmt;
use std::str::FromStr;

use bus_schema::subject;

use crate::label::{Label, LabelError};

/// What parts of the system are called, in logs and on the bus: a person of such a name would be taken for one.
const RESERVED: [&str; 6] = [
    "agent",
    "agents",
    "aggregator",
    "operator",
    "server",
    "system",
];

/// A [`Label`] that is not the name of a part of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialName(Label);

/// What is not a [`CredentialName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialNameError {
    /// It is not one token of a subject.
    #[error(transparent)]
    NoLabel(#[from] LabelError),
    /// It is taken.
    #[error("\"{0}\" is reserved for a part of the system; name the credential after its holder")]
    Reserved(String),
}

impl CredentialName {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What the inboxes of its holder begin with.
    #[must_use]
    pub fn inbox_prefix(&self) -> String {
        subject::inbox_prefix(self.as_str())
    }
}

impl FromStr for CredentialName {
    type Err = CredentialNameError;

    fn from_str(text: &str) -> Result<Self, CredentialNameError> {
        let label: Label = text.parse()?;
        if RESERVED.iter().any(|name| name.eq_ignore_ascii_case(text)) {
            return Err(CredentialNameError::Reserved(text.to_owned()));
        }
        Ok(Self(label))
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
