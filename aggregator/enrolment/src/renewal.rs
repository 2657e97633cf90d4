//! A credential gets a new end for the same key, for as long as nobody has revoked it.

use bus_keys::{Token, UserKey};
use bus_schema::ClusterName;
use jiff::Timestamp;

use super::{CredentialIssuer, EnrolmentError};

impl CredentialIssuer {
    /// A new token for a credential of this cluster. Who asks need not be its holder: without the private key the token is of no use.
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
        // Who asks again and again gets the same end, so that nothing need be written for it.
        let long_enough = now + self.lifetime.mul_f64(0.9);
        let ends = (expires_at, long_enough);
        let expires_at = self.issued.extend(cluster, key, ends).await?;
        // After the end was written: who revokes it from now on knows how long it must be revoked.
        if self.revoked().await?.contains_key(key) {
            return Err(EnrolmentError::KeyRevoked);
        }
        let signed = self.account.signer().agent(cluster, key, expires_at);
        Ok(signed.await?)
    }
}
