//! The name of a person's credential, shown in the server's log and used as the prefix of its inboxes.

use std::fmt;
use std::str::FromStr;

use bus_schema::subject;

use crate::label::{Label, LabelError};

/// The names of system components, in logs and on the bus: a person with such a name would be mistaken for one.
const RESERVED: [&str; 6] = [
    "agent",
    "agents",
    "aggregator",
    "operator",
    "server",
    "system",
];

/// A [`Label`] that is not the name of a system component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialName(Label);

/// Not a [`CredentialName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialNameError {
    /// It is not one token of a subject.
    #[error(transparent)]
    NoLabel(#[from] LabelError),
    /// It is reserved.
    #[error("\"{0}\" is reserved for a part of the system; name the credential after its holder")]
    Reserved(String),
}

impl CredentialName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The prefix of its holder's inboxes.
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
