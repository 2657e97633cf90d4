//! The credentials file of a user: token and private key, in the format of `nsc` and the nats CLI. Without the private key it is
//! only the token, for users who created their key themselves.

use bus_schema::ClusterName;
use jiff::Timestamp;

use crate::claims::UserBody;
use crate::jwt::{Claims, JwtError, Token};
use crate::key::{Key, KeyError, Kind, Secret, UserKey};

const BEGIN_TOKEN: &str = "-----BEGIN NATS USER JWT-----";
const END_TOKEN: &str = "------END NATS USER JWT------";
const BEGIN_KEY: &str = "-----BEGIN USER NKEY SEED-----";
const END_KEY: &str = "------END USER NKEY SEED------";

/// A text that is not a credential, or a useless one.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It contains no token.
    #[error("there is no token in it")]
    NoToken,
    /// It contains no private key.
    #[error("there is no private key in it")]
    NoKey,
    /// The token is invalid.
    #[error("its token cannot be used")]
    BadToken(#[from] JwtError),
    /// The private key is invalid.
    #[error("its private key cannot be used")]
    BadKey(#[from] KeyError),
    /// A token that is to replace another one has different claims.
    #[error("the new token is not for the same holder on the same bus")]
    OtherHolder,
    /// The private key belongs to another token.
    #[error("its private key does not match its token ({0})")]
    OtherKey(UserKey),
}

/// A user's token, and its claims.
#[derive(Debug, Clone)]
pub struct Credentials {
    token: Token,
    key: Key,
    name: String,
    account: String,
    issuer: String,
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl Credentials {
    /// Reads a file's text. If it contains only a token, `seed` is the text with the private key.
    ///
    /// # Errors
    /// See [`CredentialsError`]. Whether the bus accepts them is not checked.
    pub fn parse(text: &str, seed: Option<&str>) -> Result<Self, CredentialsError> {
        let token = between(text, BEGIN_TOKEN, END_TOKEN)
            .or_else(|| lone_token(text))
            .ok_or(CredentialsError::NoToken)?;
        let seed = between(text, BEGIN_KEY, END_KEY)
            .or(seed)
            .ok_or(CredentialsError::NoKey)?;
        let (token, claims) = Token::verify::<UserBody>(token)?;
        let key = Key::from_seed(Kind::User, seed)?;
        let subject: UserKey = claims.sub.parse()?;
        if UserKey::from(&key) != subject {
            return Err(CredentialsError::OtherKey(subject));
        }
        Ok(Self::of(token, key, claims))
    }

    fn of(token: Token, key: Key, claims: Claims<UserBody>) -> Self {
        let time = |second| Timestamp::from_second(second).ok();
        Self {
            token,
            key,
            name: claims.name,
            account: claims.nats.issuer_account,
            issuer: claims.iss,
            issued_at: time(claims.iat).unwrap_or(Timestamp::UNIX_EPOCH),
            expires_at: claims.exp.and_then(time),
        }
    }

    /// The same with a newer token for the same key. It must be signed by the key that signed the previous one; whether the bus
    /// accepts it is not checked.
    ///
    /// # Errors
    /// If it is not a token, or for somebody else.
    pub fn renewed(&self, token: &str) -> Result<Self, CredentialsError> {
        let (token, claims) = Token::verify::<UserBody>(token)?;
        let renewed = Self::of(token, self.key.clone(), claims.clone());
        let same = claims.sub == self.key.public()
            && renewed.name == self.name
            && renewed.account == self.account
            && renewed.issuer == self.issuer;
        same.then_some(renewed).ok_or(CredentialsError::OtherHolder)
    }

    /// The text of the file.
    #[must_use]
    pub fn text(token: &Token, key: &Key) -> Secret {
        let (token, seed) = (token.as_str(), key.seed());
        let seed = seed.expose();
        Secret::new(format!(
            "{BEGIN_TOKEN}\n{token}\n{END_TOKEN}\n\n\
             This file gives access to the bus: protect it like a password.\n\n\
             {BEGIN_KEY}\n{seed}\n{END_KEY}\n"
        ))
    }

    /// The token sent to the server.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Proves possession of the private key to the server.
    #[must_use]
    pub fn sign(&self, nonce: &[u8]) -> Vec<u8> {
        self.key.sign(nonce)
    }

    /// The public key, for people and for revocation.
    #[must_use]
    pub fn user(&self) -> UserKey {
        UserKey::from(&self.key)
    }

    /// The account of the bus that they belong to.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The name in the token; for an agent, its cluster's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether they belong to an agent of this cluster.
    #[must_use]
    pub fn are_for(&self, cluster: &ClusterName) -> bool {
        self.name == cluster.as_str()
    }

    /// When the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// When the token expires; `None` if never.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(inner, _)| inner.trim())
}

fn lone_token(text: &str) -> Option<&str> {
    let text = text.trim();
    (text.starts_with("eyJ") && !text.contains(char::is_whitespace)).then_some(text)
}
