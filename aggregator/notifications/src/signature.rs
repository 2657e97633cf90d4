//! Signatures of the Standard Webhooks specification, version 1: a receiver knows by them that a message is from here, and not old.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What each secret begins with.
const PREFIX: &str = "whsec_";

/// The lengths of a key that the specification allows, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The keys that sign the messages of one webhook; several while one replaces another.
#[derive(Clone)]
pub struct SigningKeys(Vec<Vec<u8>>);

/// The text has no secret in it. Never shows the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a secret: write `whsec_` and 24 to 64 random bytes in base64, one secret a line, as from `echo whsec_$(openssl rand -base64 32)`"
)]
pub struct SecretError;

impl SigningKeys {
    /// Reads secrets, separated by white space.
    ///
    /// # Errors
    /// [`SecretError`]
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let key = |secret: &str| {
            let base64 = secret.strip_prefix(PREFIX).ok_or(SecretError)?;
            let key = STANDARD.decode(base64).map_err(|_| SecretError)?;
            KEY_BYTES
                .contains(&key.len())
                .then_some(key)
                .ok_or(SecretError)
        };
        let keys: Vec<_> = text.split_whitespace().map(key).collect::<Result<_, _>>()?;
        match keys.is_empty() {
            true => Err(SecretError),
            false => Ok(Self(keys)),
        }
    }

    /// The header `webhook-signature` of a message that is sent at `timestamp`, in seconds since 1970.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signature = |key: &Vec<u8>| {
            let mac = Hmac::<Sha256>::new_from_slice(key);
            let mut mac = mac.expect("a key may have any length");
            mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        };
        let signatures: Vec<_> = self.0.iter().map(signature).collect();
        signatures.join(" ")
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// The example of the specification.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let keys = SigningKeys::parse(&format!("{SECRET}\n")).unwrap();
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);
        let signed = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(keys.sign(id, 1_614_265_330, body), signed);
        assert_ne!(keys.sign(id, 1_614_265_331, body), signed);
        let both = SigningKeys::parse(&format!("{SECRET}\n{SECRET}")).unwrap();
        let twice = both.sign(id, 1_614_265_330, body);
        assert_eq!(twice, format!("{signed} {signed}"));
    }

    #[test]
    fn what_is_not_a_secret_is_refused_without_being_shown() {
        for text in [
            "",
            " \n",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_not base64 at all, no",
            &format!("{SECRET} x"),
        ] {
            let error = SigningKeys::parse(text).unwrap_err().to_string();
            assert!(text.len() < 8 || !error.contains(text), "{error}");
        }
        let keys = SigningKeys::parse(SECRET).unwrap();
        assert_eq!(format!("{keys:?}"), "SigningKeys(…)");
    }
}
