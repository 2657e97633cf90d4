//! NATS's JWTs: a header, claims and an Ed25519 signature by the issuer's key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use data_encoding::BASE32_NOPAD;
use nkeys::KeyPair;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512_256};

use crate::key::Key;

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

/// The claims of every token, and those of its kind of subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims<T> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub jti: String,
    #[serde(default)]
    pub iat: i64,
    #[serde(default)]
    pub iss: String,
    #[serde(default)]
    pub name: String,
    pub sub: String,
    pub nats: T,
}

/// A text that is not a valid token.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// Not three parts with the expected claims in the second.
    #[error("not a token of NATS")]
    Unreadable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The signature is not its issuer's.
    #[error("the signature of the token is wrong")]
    WronglySigned,
    /// It belongs to another account, or is signed by another operator.
    #[error("the token belongs to another bus")]
    OfAnotherBus,
}

/// A signed token. It is not secret: its user must also hold the private key of its subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token(String);

impl Token {
    /// The token as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a token signed by another process.
    ///
    /// # Errors
    /// If it is not a token, or its signature is not its issuer's.
    pub fn parse(text: &str) -> Result<Self, JwtError> {
        Ok(Self::verify::<serde_json::Value>(text)?.0)
    }

    pub(crate) fn sign<T: Serialize>(mut claims: Claims<T>, issuer: &Key) -> Self {
        claims.iss = issuer.public();
        claims.jti = String::new();
        claims.jti = BASE32_NOPAD.encode(&Sha512_256::digest(json(&claims)));
        let signed = format!("{}.{}", BASE64.encode(HEADER), BASE64.encode(json(&claims)));
        let signature = BASE64.encode(issuer.sign(signed.as_bytes()));
        Self(format!("{signed}.{signature}"))
    }

    /// Reads a token, and checks that it is signed by the issuer it names. Whether that issuer is trusted is not checked.
    pub(crate) fn verify<T: DeserializeOwned>(text: &str) -> Result<(Self, Claims<T>), JwtError> {
        let text = text.trim();
        let unreadable = || JwtError::Unreadable(None);
        let (signed, signature) = text.rsplit_once('.').ok_or_else(unreadable)?;
        let (_, claims) = signed.split_once('.').ok_or_else(unreadable)?;
        let decode = |part: &str| {
            BASE64
                .decode(part)
                .map_err(|error| JwtError::Unreadable(Some(error.into())))
        };
        let claims: Claims<T> = serde_json::from_slice(&decode(claims)?)
            .map_err(|error| JwtError::Unreadable(Some(error.into())))?;
        let issuer = KeyPair::from_public_key(&claims.iss).map_err(|_| JwtError::WronglySigned)?;
        issuer
            .verify(signed.as_bytes(), &decode(signature)?)
            .map_err(|_| JwtError::WronglySigned)?;
        Ok((Self(text.to_owned()), claims))
    }
}

fn json<T: Serialize>(claims: &Claims<T>) -> Vec<u8> {
    serde_json::to_vec(claims).expect("claims are plain data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Kind;

    fn token() -> Token {
        let claims = Claims {
            exp: None,
            jti: String::new(),
            iat: 1_700_000_000,
            iss: String::new(),
            name: "n".to_owned(),
            sub: Key::fixed(Kind::User, 1).public(),
            nats: serde_json::json!({"a": 1}),
        };
        Token::sign(claims, &Key::fixed(Kind::Account, 2))
    }

    #[test]
    fn what_was_signed_is_read_back() {
        let (again, claims) = Token::verify::<serde_json::Value>(token().as_str()).unwrap();
        assert_eq!(again, token());
        assert_eq!(claims.iss, Key::fixed(Kind::Account, 2).public());
    }

    #[test]
    fn a_change_of_any_part_is_noticed() {
        let token = token();
        let parts: Vec<&str> = token.as_str().split('.').collect();
        let other = BASE64.encode(
            BASE64
                .decode(parts[1])
                .map(|json| String::from_utf8(json).unwrap().replace("\"n\"", "\"m\""))
                .unwrap(),
        );
        for forged in [
            format!("{}.{other}.{}", parts[0], parts[2]),
            format!("{}.{}.{}", parts[0], parts[1], BASE64.encode([0; 64])),
            format!("{}.{}.", parts[0], parts[1]),
        ] {
            let verified = Token::verify::<serde_json::Value>(&forged);
            assert!(matches!(verified, Err(JwtError::WronglySigned)), "{forged}");
        }
        for text in ["", "a", "a.b", "a.b.c", "..", parts[1]] {
            assert!(Token::verify::<serde_json::Value>(text).is_err(), "{text}");
        }
    }
}
