//! Keys of a user that all replicas can derive from the password's hash in `users.json`, without a shared store. They change with the
//! password. Outsiders cannot derive them, since the hash has a random salt.

use sha2::{Digest as _, Sha256};

use super::StoredHash;

/// A key of one user, for one purpose. Its `Debug` text does not show it.
pub struct UserKey([u8; 32]);

impl UserKey {
    /// The key for this purpose of the user with this name and hash. The name matters, since two users may have the same hash if a line of the
    /// file was copied.
    #[must_use]
    pub fn derive(user: &str, hash: &StoredHash, purpose: &str) -> Self {
        // Neither a purpose nor a hash contains this character.
        let text = format!("{purpose}\0{}\0{user}", hash.expose());
        Self(Sha256::digest(text).into())
    }

    /// An authentication code of `data`. Hashed twice, as in HMAC, against length extension.
    #[must_use]
    pub fn authenticate(&self, data: &[u8]) -> [u8; 32] {
        let inner = Sha256::new().chain_update(self.0).chain_update(data);
        let outer = Sha256::new().chain_update(self.0);
        outer.chain_update(inner.finalize()).finalize().into()
    }
}
