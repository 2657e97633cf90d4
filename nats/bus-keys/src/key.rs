//! Key pairs, and their text format.

use std::fmt;
use std::str::FromStr;

use nkeys::{KeyPair, KeyPairType};
use serde::{Deserialize, Serialize};

/// The kind of a key's owner. NATS writes it as the first letter of the public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Signs accounts: `O…`.
    Operator,
    /// Signs users: `A…`.
    Account,
    /// Connects: `U…`.
    User,
}

impl Kind {
    fn of(pair: &KeyPair) -> Option<Self> {
        match pair.key_pair_type() {
            KeyPairType::Operator => Some(Self::Operator),
            KeyPairType::Account => Some(Self::Account),
            KeyPairType::User => Some(Self::User),
            _ => None,
        }
    }
}

impl From<Kind> for KeyPairType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Operator => Self::Operator,
            Kind::Account => Self::Account,
            Kind::User => Self::User,
        }
    }
}

/// Not a key. Never shows the text: it may be a private key in the wrong file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a private key of this kind.
    #[error("not the private key of {0:?}")]
    NotAPrivateKey(Kind),
    /// Not a user's public key.
    #[error("not the public key of a user: 56 letters and digits that begin with U")]
    NotAUserKey,
}

/// A text that must not be shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A key pair.
#[derive(Clone)]
pub struct Key(KeyPair);

impl Key {
    /// A new one.
    #[must_use]
    pub fn generate(kind: Kind) -> Self {
        Self(KeyPair::new(kind.into()))
    }

    /// Reads the private key that [`Key::seed`] wrote.
    ///
    /// # Errors
    /// If it is not a private key, or of another kind.
    pub fn from_seed(kind: Kind, text: &str) -> Result<Self, KeyError> {
        let pair = KeyPair::from_seed(text.trim()).map_err(|_| KeyError::NotAPrivateKey(kind))?;
        if Kind::of(&pair) != Some(kind) {
            return Err(KeyError::NotAPrivateKey(kind));
        }
        Ok(Self(pair))
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> String {
        self.0.public_key()
    }

    /// The private key.
    #[must_use]
    pub fn seed(&self) -> Secret {
        Secret::new(self.0.seed().expect("it was made with its private key"))
    }

    /// Signs.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signed = self.0.sign(message);
        signed.expect("it was made with its private key")
    }

    #[cfg(test)]
    pub(crate) fn fixed(kind: Kind, byte: u8) -> Self {
        Self(KeyPair::new_from_raw(kind.into(), [byte; 32]).expect("32 bytes"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.public())
    }
}

/// The public key of a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserKey(String);

impl UserKey {
    /// In NATS's text format.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Key> for UserKey {
    fn from(key: &Key) -> Self {
        Self(key.public())
    }
}

impl FromStr for UserKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // Private keys start with S, and the library accepts only 56 characters with a valid checksum.
        let pair = KeyPair::from_public_key(text).map_err(|_| KeyError::NotAUserKey)?;
        match Kind::of(&pair) {
            Some(Kind::User) if pair.public_key() == text => Ok(Self(text.to_owned())),
            _ => Err(KeyError::NotAUserKey),
        }
    }
}

impl TryFrom<String> for UserKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<UserKey> for String {
    fn from(key: UserKey) -> Self {
        key.0
    }
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_private_key_by_accident() {
        let key = Key::fixed(Kind::User, 7);
        let seed = key.seed();
        let shown = format!("{key:?} {seed:?} {:?}", UserKey::from(&key));
        assert!(!shown.contains(seed.expose()), "{shown}");
        assert!(shown.contains(&key.public()), "{shown}");
    }

    #[test]
    fn a_private_key_is_read_back_as_its_kind_alone() {
        let key = Key::fixed(Kind::Operator, 1);
        let seed = key.seed();
        let again = Key::from_seed(Kind::Operator, &format!("{}\n", seed.expose())).unwrap();
        assert_eq!(again.public(), key.public());
        let error = Key::from_seed(Kind::Account, seed.expose()).unwrap_err();
        assert_eq!(error, KeyError::NotAPrivateKey(Kind::Account));
        assert!(Key::from_seed(Kind::User, "").is_err());
    }

    #[test]
    fn only_the_public_key_of_a_user_is_one() {
        let user = Key::fixed(Kind::User, 2);
        assert_eq!(user.public().parse(), Ok(UserKey::from(&user)));
        let account = Key::fixed(Kind::Account, 2).public();
        let broken = user.public().replace('A', "B");
        for text in ["", "*", ">", "U", &account, &broken, user.seed().expose()] {
            let error = text.parse::<UserKey>().unwrap_err().to_string();
            assert!(text.len() < 3 || !error.contains(text), "{error}");
        }
    }
}
