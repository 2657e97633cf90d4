//! Extends a credential: a new token for the same key, unless it is revoked.

use bus_keys::{Token, UserKey};
use bus_schema::ClusterName;
use jiff::Timestamp;

use super::{CredentialIssuer, EnrolmentError};

impl CredentialIssuer {
    /// A new token for a credential of this cluster. The requester need not be its holder: without the private key the token is useless.
    ///
    /// # Errors
    /// When the cluster has no such credential, it is revoked, or the bucket does not answer.
    pub async fn renew(
        &self,
        cluster: &ClusterName,
        key: &UserKey,
    ) -> Result<Token, EnrolmentError> {
        let now = Timestamp::now();
        let expires_at = now + self.lifetime;
        // Repeated requests get the same expiry, so that each of them does not cause a write.
        let long_enough = now + self.lifetime.mul_f64(0.9);
        let ends = (expires_at, long_enough);
        let expires_at = self.issued.extend(cluster, key, ends).await?;
        // Checked after the expiry was written: a later revocation then covers the new token too.
        if self.revoked().await?.contains_key(key) {
            return Err(EnrolmentError::KeyRevoked);
        }
        let signed = self.account.signer().agent(cluster, key, expires_at);
        Ok(signed.await?)
    }
}
