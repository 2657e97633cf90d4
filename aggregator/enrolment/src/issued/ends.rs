//! When credentials expire, according to the bucket.

use bus_keys::UserKey;
use bus_schema::ClusterName;
use jiff::Timestamp;

use super::{EnrolmentError, Issued, read};

impl Issued {
    /// The keys of a cluster, and when the last token for each expires.
    pub async fn ends_of(
        &self,
        cluster: &ClusterName,
    ) -> Result<Vec<(UserKey, Option<Timestamp>)>, EnrolmentError> {
        let entry = read(&self.clusters, cluster).await?;
        let keys = entry.keys.into_iter();
        Ok(keys.map(|key| (key.public_key, key.expires_at)).collect())
    }

    /// Records that the key's token is valid until `expires_at`, and returns the recorded expiry. If the current one is late enough already,
    /// it stays unchanged.
    pub async fn extend(
        &self,
        cluster: &ClusterName,
        public_key: &UserKey,
        (expires_at, long_enough): (Timestamp, Timestamp),
    ) -> Result<Timestamp, EnrolmentError> {
        let unknown = || EnrolmentError::CredentialUnknown {
            cluster: cluster.clone(),
        };
        let ends = self.ends_of(cluster).await?;
        let found = ends.into_iter().find(|(key, _)| key == public_key);
        match found.ok_or_else(unknown)?.1 {
            None => return Ok(expires_at),
            Some(end) if end >= long_enough => return Ok(end),
            Some(_) => {}
        }
        let changed = self.change(cluster, |entry| {
            let mut keys = entry.keys.iter_mut();
            let key = keys.find(|key| key.public_key == *public_key);
            let key = key.ok_or_else(unknown)?;
            key.expires_at = key.expires_at.map(|end| end.max(expires_at));
            Ok(())
        });
        changed.await.map(|()| expires_at)
    }
}
