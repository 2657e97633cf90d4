//! The token that a client holds, and the hash of it that is stored.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::CredentialId;

/// A prefix by which leaked tokens can be found, for example by secret scanners.
const PREFIX: &str = "mca_";

const RANDOM_BYTES: usize = 32;

/// 256 random bits. Its `Debug` text does not show them; [`Token::expose`] is for the one response that contains it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new token.
    ///
    /// # Errors
    /// When the operating system provides no random bytes.
    pub fn mint() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// Parses a text in the form of a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (bytes.len() == RANDOM_BYTES).then(|| Self(text.to_owned()))
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its key in the bucket, a hash. No salt is needed, since 256 random bits cannot be guessed.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        let digest = Sha256::digest(self.0.as_bytes());
        SessionKey(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The hash of a token: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey(String);

impl SessionKey {
    /// The key in the bucket.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Identifies the session without its token.
    #[must_use]
    pub fn credential_id(&self) -> CredentialId {
        CredentialId::new("session", &self.0)
    }
}

impl std::str::FromStr for SessionKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_one = text.len() == 64 && text.bytes().all(is_digit);
        is_one.then(|| Self(text.to_owned())).ok_or(NotAKey)
    }
}

/// A text that is not the hash of a token.
#[derive(Debug, thiserror::Error)]
#[error("not the hash of a token: 64 hexadecimal digits")]
pub struct NotAKey;

#[cfg(test)]
impl From<String> for SessionKey {
    fn from(text: String) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_and_no_two_are_alike() {
        let (one, other) = (Token::mint().unwrap(), Token::mint().unwrap());
        assert_ne!(one, other);
        assert_ne!(one.key(), other.key());
        assert_eq!(Token::parse(one.expose()), Some(one.clone()));
        assert_eq!(one.key().as_str().len(), 64);
    }

    #[test]
    fn what_is_cut_or_changed_in_form_is_none() {
        let token = Token::mint().unwrap();
        let text = token.expose();
        for wrong in [
            "",
            "mca_",
            "*",
            &text[4..],
            &text[..text.len() - 1],
            &format!("{text}A"),
            &format!(" {text}"),
            &text.replace("mca_", "abc_"),
            &format!("mca_{}", "=".repeat(43)),
        ] {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = Token::mint().unwrap();
        assert!(!format!("{token:?}").contains(&token.expose()[4..12]));
    }
}
