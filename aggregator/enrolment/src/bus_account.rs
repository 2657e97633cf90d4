//! The aggregator's keys and its link to the system account: the token of the fleet's account, with the list of revoked credentials.

use std::path::Path;

use bus_keys::{AggregatorKeys, FleetAccount, Identity, Revocations};
use bus_link::Servers;

use super::{AGENT_CREDENTIAL_LIFETIME_MAX, AccountUsage, EnrolmentError, System};
use crate::signer::{Signer, SigningKeys};
use storage::bus::{Bus, ConnectError};

/// What is needed before anything else of the bus can be used.
#[derive(Debug, Clone)]
pub struct BusAccount {
    signer: Signer,
    system: System,
}

/// What became of the account's token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Published {
    /// It said all of it already.
    Unchanged(AccountUsage),
    /// There is a new one.
    Changed,
}

impl BusAccount {
    /// Reads the aggregator's keys, and connects to the system account. With the socket of the signing process, the signing keys need not
    /// be there.
    ///
    /// # Errors
    /// When the keys cannot be used. The nats-server may be away.
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

    /// Who comes and goes.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    pub(super) fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Gives everybody the permissions of this version: they stand in the account's token, not in the credentials. Where that fails
    /// they stay those of the version before, and [`super::reconcile_account`] tries again.
    pub async fn publish_permissions(&self) {
        if let Err(error) = self.publish(&Revocations::new()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot update the permissions in the account's token; retrying in the background"
            );
        }
    }

    /// Which credentials are revoked by the account's token.
    pub(super) async fn revoked(&self) -> Result<Revocations, EnrolmentError> {
        Ok(self.account().await?.revoked())
    }

    async fn account(&self) -> Result<FleetAccount, EnrolmentError> {
        let account = self.system.account().await?;
        Ok(FleetAccount::parse(&account, self.identity())?)
    }

    /// Makes sure that the account's token locks these out, each for as long as it must.
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

    /// The same for the system account, which may look up the fleet's token and not its own: so there is nothing to compare it with.
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
