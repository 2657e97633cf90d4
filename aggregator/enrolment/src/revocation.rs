//! Revoked credentials: recorded in the bucket until the credential has expired, and enforced by the account's token.

use std::time::Duration;

use bus_keys::{Revocations, UserKey};
use bus_schema::ClusterName;
use jiff::Timestamp;

use super::bus_account::Published;
use super::credential::is_over;
use super::{AccountUsage, CredentialIssuer, EnrolmentError};

/// Another replica may change the account's token at the same moment; more conflicts in a row than this are an error.
const PUBLISH_TRIES: usize = 10;

/// For credentials that do not expire.
const WITHOUT_END: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// Assumed largest difference between the clocks of aggregators and nats-servers.
const CLOCKS_DIFFER_BY: Duration = Duration::from_hours(24);

fn revoked_until(end: Option<Timestamp>) -> Timestamp {
    let until = end.and_then(|end| end.checked_add(CLOCKS_DIFFER_BY).ok());
    until.map_or(WITHOUT_END, |until| until.min(WITHOUT_END))
}

impl CredentialIssuer {
    /// Revokes one credential of an agent, a person or an aggregator. `expires_at` is when it expires, if known: after that the revocation can
    /// be dropped.
    ///
    /// # Errors
    /// When bucket or nats-server do not answer. Call it again then: only the revocation in the fleet's account is completed automatically.
    pub async fn revoke_key(
        &self,
        key: &UserKey,
        expires_at: Option<Timestamp>,
    ) -> Result<(), EnrolmentError> {
        let holder = self.issued.holder(key).await;
        match &holder {
            Ok(Some(cluster)) => {
                self.record_revoked(cluster, std::slice::from_ref(key))
                    .await?;
            }
            _ => {
                let revoked = [(key.clone(), revoked_until(expires_at))];
                self.record_revocations(&revoked).await?;
            }
        }
        self.recorded.notify_one();
        self.enforce_revocations().await?;
        self.revoke_in_system().await?;
        match holder? {
            Some(cluster) => {
                self.issued
                    .remove(&cluster, std::slice::from_ref(key))
                    .await
            }
            None => Ok(()),
        }
    }

    /// Records that these credentials of a cluster are revoked, until each has expired.
    pub(super) async fn record_revoked(
        &self,
        cluster: &ClusterName,
        keys: &[UserKey],
    ) -> Result<(), EnrolmentError> {
        let mut recorded = Vec::new();
        // A concurrent renewal writes the new expiry before it checks for revocation, so reading the expiries again finds it.
        for _ in 0..PUBLISH_TRIES {
            let mut ends = self.issued.ends_of(cluster).await?;
            ends.retain(|(issued, _)| keys.contains(issued));
            if ends == recorded {
                break;
            }
            let revoked: Vec<_> = ends
                .iter()
                .map(|(key, end)| (key.clone(), revoked_until(*end)))
                .collect();
            self.record_revocations(&revoked).await?;
            recorded = ends;
        }
        self.recorded.notify_one();
        Ok(())
    }

    /// Every credential that is revoked in the bucket or in the account's token: a lost or unreadable record must not make any of them valid
    /// again.
    pub(super) async fn revoked(&self) -> Result<Revocations, EnrolmentError> {
        let mut revoked = self.account.revoked().await?;
        for (key, until) in self.recorded_revocations().await? {
            let entry = revoked.entry(key).or_insert(until);
            *entry = until.max(*entry);
        }
        Ok(revoked)
    }

    /// Those in the bucket alone; none if the record cannot be read. The account's token keeps its own entries in that case.
    async fn recorded_revocations(&self) -> Result<Revocations, EnrolmentError> {
        match self.issued.revoked().await {
            Err(EnrolmentError::RecordUnreadable { .. }) => Ok(Revocations::new()),
            recorded => recorded,
        }
    }

    async fn record_revocations(
        &self,
        keys: &[(UserKey, Timestamp)],
    ) -> Result<(), EnrolmentError> {
        match self.issued.record_revoked(keys, None).await {
            Err(EnrolmentError::RecordUnreadable { .. }) => {
                let known = self.account.revoked().await?;
                self.issued.record_revoked(keys, Some(&known)).await
            }
            recorded => recorded,
        }
    }

    /// Publishes the account's token until it revokes every credential that is in the bucket, and none that has expired. Two replicas
    /// that do so at once may overwrite each other's token, so each compares again after it has written.
    pub(super) async fn enforce_revocations(&self) -> Result<AccountUsage, EnrolmentError> {
        for _ in 0..PUBLISH_TRIES {
            let (revoked, now) = (self.recorded_revocations().await?, Timestamp::now());
            if let Published::Unchanged(usage) = self.account.publish(&revoked).await? {
                // Pruned after the token, since entries that are only in the token stay there.
                if revoked.values().any(|until| is_over(*until, now)) {
                    self.issued.prune(now).await?;
                }
                return Ok(usage);
            }
        }
        Err(EnrolmentError::Contended)
    }

    /// The same for the system account, whose current token cannot be read. Repeated until nothing else was revoked meanwhile, since an
    /// older list would undo that revocation.
    async fn revoke_in_system(&self) -> Result<(), EnrolmentError> {
        let mut revoked = self.revoked().await?;
        for _ in 0..PUBLISH_TRIES {
            self.account.publish_system(&revoked).await?;
            let now = self.revoked().await?;
            if now == revoked {
                return Ok(());
            }
            revoked = now;
        }
        Err(EnrolmentError::Contended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_revoked_without_end_and_the_rest_until_a_day_after_it() {
        let end: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let until = revoked_until(Some(end));
        assert_eq!(until, "2026-03-02T10:00:00Z".parse().unwrap());
        assert!(!is_over(until, end) && is_over(until, until));
        for endless in [None, Some(Timestamp::MAX)] {
            assert!(!is_over(
                revoked_until(endless),
                end + Duration::from_hours(24 * 365_000)
            ));
        }
    }
}
