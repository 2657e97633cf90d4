//! Requesting a credential without disclosing the private key: a public key, and the proof that the requester has its private key.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;

use crate::key::{Key, UserKey};

/// The signed text names its purpose and the cluster, so that it proves nothing elsewhere.
fn statement(cluster: &str, public_key: &UserKey) -> String {
    format!("multi-cluster-aggregator credential request\n{cluster}\n{public_key}")
}

/// A request for the credential of one cluster's agents: `PUBLIC_KEY.SIGNATURE`. Not secret: it is useful only to the holder of the
/// private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRequest {
    public_key: UserKey,
    signature: Vec<u8>,
}

/// Not a [`CredentialRequest`]. Never shows the text: it may be a private key in the wrong file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not what `agent keygen FILE CLUSTER` prints: a public key, a dot, a signature")]
pub struct CredentialRequestError;

/// The request was signed by another key, or for another cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this request was not signed by the key that it names for this cluster; make one with `agent keygen FILE CLUSTER`"
)]
pub struct NotProven;

impl CredentialRequest {
    /// Signs a request for the agents of this cluster.
    #[must_use]
    pub fn sign(key: &Key, cluster: &str) -> Self {
        let public_key = UserKey::from(key);
        let signature = key.sign(statement(cluster, &public_key).as_bytes());
        Self {
            public_key,
            signature,
        }
    }

    /// The public key, if its holder has signed the request for this cluster.
    ///
    /// # Errors
    /// [`NotProven`] otherwise.
    pub fn proven_for(&self, cluster: &str) -> Result<&UserKey, NotProven> {
        let pair = KeyPair::from_public_key(self.public_key.as_str()).map_err(|_| NotProven)?;
        let statement = statement(cluster, &self.public_key);
        pair.verify(statement.as_bytes(), &self.signature)
            .map(|()| &self.public_key)
            .map_err(|_| NotProven)
    }
}

impl FromStr for CredentialRequest {
    type Err = CredentialRequestError;

    fn from_str(text: &str) -> Result<Self, CredentialRequestError> {
        let (public_key, signature) = text.trim().split_once('.').ok_or(CredentialRequestError)?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes());
        Ok(Self {
            public_key: public_key.parse().map_err(|_| CredentialRequestError)?,
            signature: signature.map_err(|_| CredentialRequestError)?,
        })
    }
}

impl fmt::Display for CredentialRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = BASE64URL_NOPAD.encode(&self.signature);
        write!(f, "{}.{signature}", self.public_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Kind;

    #[test]
    fn a_request_proves_the_private_key_for_one_cluster() {
        let key = Key::fixed(Kind::User, 1);
        let text = CredentialRequest::sign(&key, "cluster-a").to_string();
        let request: CredentialRequest = format!("{text}\n").parse().unwrap();
        assert_eq!(request.proven_for("cluster-a"), Ok(&UserKey::from(&key)));
        assert_eq!(request.proven_for("cluster-b"), Err(NotProven));
    }

    #[test]
    fn nobody_asks_with_the_public_key_of_another() {
        let (mine, other) = (Key::fixed(Kind::User, 1), Key::fixed(Kind::User, 2));
        let signed = CredentialRequest::sign(&mine, "cluster-a").to_string();
        let signature = signed.split_once('.').unwrap().1;
        let forged = format!("{}.{signature}", other.public());
        let forged: CredentialRequest = forged.parse().unwrap();
        assert_eq!(forged.proven_for("cluster-a"), Err(NotProven));
        let empty: CredentialRequest = format!("{}.", other.public()).parse().unwrap();
        assert_eq!(empty.proven_for("cluster-a"), Err(NotProven));
    }

    #[test]
    fn what_is_not_a_request_is_refused_without_being_shown() {
        let key = Key::fixed(Kind::User, 1);
        let seed = key.seed();
        for text in ["", ".", "U.x", &key.public(), seed.expose()] {
            let error = text.parse::<CredentialRequest>().unwrap_err().to_string();
            assert!(text.len() < 3 || !error.contains(text), "{error}");
        }
    }
}
