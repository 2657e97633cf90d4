//! Stored password hashes: Argon2id in PHC form.

use std::fmt;

use argon2::password_hash::phc::{Output, Salt};
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, Version};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::Password;
use super::memory;

/// A hash that costs more than this is refused, since one sign-in could exhaust the process.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;

/// A validated Argon2id hash. Its `Debug` text does not show it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct StoredHash(PasswordHash);

/// The text is not a usable hash. The error does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoredHashError {
    /// Not Argon2id.
    #[error("not an Argon2id hash in PHC form; make one with: aggregator user hash-password")]
    NotArgon2id,
    /// Too expensive.
    #[error("an Argon2id hash of more than 256 MiB, 16 passes or 16 lanes")]
    TooExpensive,
}

/// Hashes with a random salt and the library's recommended cost (19 MiB, two passes).
///
/// # Errors
/// When the operating system provides no random bytes or no memory.
pub fn hash(password: &Password) -> Result<StoredHash, argon2::password_hash::Error> {
    Argon2::default()
        .hash_password(password.expose().as_bytes())
        .map(StoredHash)
}

impl StoredHash {
    /// A hash that no password matches, with the cost of `like`, or that of a new hash.
    #[must_use]
    pub fn decoy(like: Option<&Self>) -> Self {
        let params = like.and_then(|hash| Params::try_from(&hash.0).ok());
        let argon2 = Argon2::new(
            Algorithm::Argon2id,
            Version::default(),
            params.unwrap_or_default(),
        );
        Self(unfit(&argon2))
    }

    /// A fingerprint to detect a changed hash without revealing it: 16 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.0.to_string().as_bytes());
        digest[..8].iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The text in the file.
    #[must_use]
    pub fn expose(&self) -> String {
        self.0.to_string()
    }

    /// Whether the password is the one that was hashed.
    pub(super) fn matches(&self, password: &Password) -> bool {
        let PasswordHash {
            version,
            salt: Some(salt),
            hash: Some(expected),
            ..
        } = &self.0
        else {
            return false;
        };
        let version = version.map_or(Ok(Version::default()), Version::try_from);
        let (Ok(params), Ok(version)) = (Params::try_from(&self.0), version) else {
            return false;
        };
        let mut blocks = memory::blocks(params.block_count());
        let mut output = [0; Output::MAX_LENGTH];
        let output = &mut output[..expected.len()];
        let password = password.expose().as_bytes();
        let argon2 = Argon2::new(Algorithm::Argon2id, version, params);
        let made = argon2.hash_password_into_with_memory(password, salt, output, &mut blocks);
        made.is_ok() && bool::from(output.ct_eq(expected.as_bytes()))
    }
}

/// Salt and output are constants: they are never shown, and no password is known to produce the output.
fn unfit(argon2: &Argon2<'_>) -> PasswordHash {
    let output = [0xd5; Params::DEFAULT_OUTPUT_LEN];
    PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::default().into()),
        params: argon2.params().try_into().unwrap_or_default(),
        salt: Salt::new(&[0x5d; 16]).ok(),
        hash: Output::new(&output).ok(),
    }
}

impl TryFrom<String> for StoredHash {
    type Error = StoredHashError;

    fn try_from(text: String) -> Result<Self, StoredHashError> {
        let hash = PasswordHash::new(&text).map_err(|_| StoredHashError::NotArgon2id)?;
        let params = Params::try_from(&hash).map_err(|_| StoredHashError::NotArgon2id)?;
        let complete = hash.salt.is_some() && hash.hash.is_some();
        if hash.algorithm != Algorithm::Argon2id.ident() || !complete {
            return Err(StoredHashError::NotArgon2id);
        }
        if params.m_cost() > MAX_MEMORY_KIB
            || params.t_cost() > MAX_PASSES
            || params.p_cost() > MAX_LANES
        {
            return Err(StoredHashError::TooExpensive);
        }
        Ok(Self(hash))
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<StoredHash, StoredHashError> {
        StoredHash::try_from(text.to_owned())
    }

    #[test]
    fn a_hash_comes_back_from_its_text() {
        let made = hash(&Password::from("correct horse".to_owned())).unwrap();
        assert!(made.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(parse(&made.expose()).unwrap(), made);
    }

    #[test]
    fn what_is_no_argon2id_hash_is_refused() {
        for text in [
            "",
            "correct horse",
            "$2b$12$abcdefghijklmnopqrstuu",
            "$argon2i$v=19$m=19456,t=2,p=1$XV1dXV1dXV1dXV1dXV1dXQ$1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dU",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=19456,t=2,p=1$XV1dXV1dXV1dXV1dXV1dXQ",
            "$argon2id$v=19$m=1,t=2,p=1$XV1dXV1dXV1dXV1dXV1dXQ$1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dU",
        ] {
            assert_eq!(
                parse(text).unwrap_err(),
                StoredHashError::NotArgon2id,
                "{text}"
            );
        }
    }

    #[test]
    fn a_hash_that_would_stop_the_process_is_refused() {
        let salt_and_output = "XV1dXV1dXV1dXV1dXV1dXQ$1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dU";
        for params in ["m=4194304,t=2,p=1", "m=19456,t=999999,p=1"] {
            let text = format!("$argon2id$v=19${params}${salt_and_output}");
            assert_eq!(parse(&text).unwrap_err(), StoredHashError::TooExpensive);
        }
    }

    #[test]
    fn the_fingerprint_changes_with_the_hash() {
        let password = Password::from("correct horse".to_owned());
        let (first, second) = (hash(&password).unwrap(), hash(&password).unwrap());
        assert_eq!(first.fingerprint(), first.clone().fingerprint());
        assert_ne!(first.fingerprint(), second.fingerprint());
    }

    #[test]
    fn a_decoy_costs_as_much_as_what_it_stands_for() {
        let dear = "$argon2id$v=19$m=32768,t=3,p=1$XV1dXV1dXV1dXV1dXV1dXQ$1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dU";
        let decoy = StoredHash::decoy(Some(&parse(dear).unwrap()));
        assert!(decoy.expose().contains("$m=32768,t=3,p=1$"));
        let plain = StoredHash::decoy(None);
        assert!(plain.expose().contains("$m=19456,t=2,p=1$"));
        assert_eq!(parse(&plain.expose()).unwrap(), plain);
    }
}
