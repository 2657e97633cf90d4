//! The fleet's account on the nats-server: its token, which has the permissions and the list of revoked credentials, is signed with the
//! aggregator's keys and published over the system account.

use std::path::Path;

use bus_keys::{AggregatorKeys, FleetAccount, Identity, Revocations};
use bus_link::Servers;

use super::{AGENT_CREDENTIAL_LIFETIME_MAX, AccountUsage, EnrolmentError, System};
use crate::signer::{Signer, SigningKeys};
use storage::bus::{Bus, ConnectError};

/// Signs and publishes the account's token. Must be used before anything else on the bus: it sets the permissions for the rest.
#[derive(Debug, Clone)]
pub struct BusAccount {
    signer: Signer,
    system: System,
}

/// The result of publishing the account's token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Published {
    /// The current token has all of it already.
    Unchanged(AccountUsage),
    /// There is a new token.
    Changed,
}

impl BusAccount {
    /// Reads the aggregator's keys and connects to the system account. With the socket of a signing process, the signing keys are not
    /// needed.
    ///
    /// # Errors
    /// When the keys cannot be used. An unavailable nats-server is not an error: the connection is retried.
    pub async fn open(
        servers: &Servers,
        keys: &Path,
        signer: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let system = AggregatorKeys::system_creds(keys);
        let signer = match signer {
            None => {
                let keys = AggregatorKeys::open(keys)?;
                Signer::in_process(SigningKeys::new(keys, AGENT_CREDENTIAL_LIFETIME_MAX))
            }
            Some(socket) => {
                if AggregatorKeys::open_signing_keys(keys).is_ok() {
                    tracing::warn!(
                        "{} contains the signing keys, so this process can sign in spite of --signer: move operator-signing.nk and agent-scope.nk to a directory that only `aggregator sign` can read",
                        keys.display()
                    );
                }
                Signer::on_socket(AggregatorKeys::open_identity(keys)?, socket)
            }
        };
        let bus: Result<Bus, ConnectError> = Bus::connect(servers, Some(&system)).await;
        let system = System::new(bus?, signer.identity().fleet.clone());
        Ok(Self { signer, system })
    }

    /// The bus that the keys are for.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.signer.identity()
    }

    /// The system account.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Publishes the permissions of this version, which are in the account's token and not in the credentials. If that fails, those of
    /// the previous version stay in force, and [`super::reconcile_account`] retries.
    pub async fn publish_permissions(&self) {
        if let Err(error) = self.publish(&Revocations::new()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot update the permissions in the account's token; retrying in the background"
            );
        }
    }

    /// The credentials that the account's token revokes.
    pub(super) async fn revoked(&self) -> Result<Revocations, EnrolmentError> {
        Ok(self.account().await?.revoked())
    }

    async fn account(&self) -> Result<FleetAccount, EnrolmentError> {
        let account = self.system.account().await?;
        Ok(FleetAccount::parse(&account, self.identity())?)
    }

    /// Makes sure that the account's token revokes these, each until its time.
    pub(super) async fn publish(&self, revoked: &Revocations) -> Result<Published, EnrolmentError> {
        let account = self.account().await?;
        match self.signer.fleet_account(&account, revoked).await? {
            None => Ok(Published::Unchanged(self.usage(&account))),
            Some(changed) => {
                let usage = self.usage(&changed);
                if !usage.fits() {
                    return Err(EnrolmentError::RevocationsFull(usage));
                }
                self.system.update(changed.token()).await?;
                Ok(Published::Changed)
            }
        }
    }

    /// The same for the system account. It may look up the fleet's token but not its own, so there is no current token to compare with.
    pub(super) async fn publish_system(&self, revoked: &Revocations) -> Result<(), EnrolmentError> {
        let account = self.account().await?;
        let token = self.signer.system_account(&account, revoked).await?;
        let usage = AccountUsage {
            revocations: revoked.len(),
            bytes: token.as_str().len(),
            limit: self.system.message_limit(),
        };
        if !usage.fits() {
            return Err(EnrolmentError::RevocationsFull(usage));
        }
        self.system.update(&token).await
    }

    fn usage(&self, account: &FleetAccount) -> AccountUsage {
        AccountUsage {
            revocations: account.revocations(),
            bytes: account.token().as_str().len(),
            limit: self.system.message_limit(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_fifths_of_a_message_are_nearly_full() {
        for (bytes, nearly, fits) in [
            (800, false, true),
            (804, true, true),
            (1000, true, true),
            (1001, true, false),
        ] {
            let usage = AccountUsage {
                revocations: 1,
                bytes,
                limit: 1000,
            };
            assert_eq!((usage.is_nearly_full(), usage.fits()), (nearly, fits));
        }
    }
}
