//! Keys that all replicas have for a user without sharing a store: derived from the password's hash in `users.json`, so that they change
//! with the password. Nobody else can know one, since the hash has a random salt.

use sha2::{Digest as _, Sha256};

use super::StoredHash;

/// A key of one user, for one purpose. Never shown.
pub struct UserKey([u8; 32]);

impl UserKey {
    /// The key for this purpose of the user of this name with this hash. Two users may have the same hash, by a copied line of the file.
    #[must_use]
    pub fn derive(user: &str, hash: &StoredHash, purpose: &str) -> Self {
        // Neither a purpose nor a hash has this character in it.
        let text = format!("{purpose}\0{}\0{user}", hash.expose());
        Self(Sha256::digest(text).into())
    }

    /// A code of `data` that nobody can make without the key. Hashed twice, as in HMAC, so that it cannot be extended.
    #[must_use]
    pub fn authenticate(&self, data: &[u8]) -> [u8; 32] {
        let inner = Sha256::new().chain_update(self.0).chain_update(data);
        let outer = Sha256::new().chain_update(self.0);
        outer.chain_update(inner.finalize()).finalize().into()
    }
}
