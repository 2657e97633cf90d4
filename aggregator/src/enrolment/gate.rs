//! The aggregator's keys and its link to the system account: the token of the fleet's account, with the list of revoked credentials.

use std::fmt;
use std::path::Path;

use bus_keys::{AggregatorKeys, FleetAccount, Identity, Revocations, system_account};
use bus_link::Servers;
use jiff::Timestamp;

use super::{EnrolmentError, System};
use crate::bus::{Bus, ConnectError};

/// What is needed before anything else of the bus can be used.
#[derive(Debug, Clone)]
pub struct Gate {
    keys: AggregatorKeys,
    system: System,
}

/// How much of a message the account's token takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountUsage {
    /// Revoked credentials in it.
    pub revocations: usize,
    /// Its size.
    pub bytes: usize,
    /// The largest message that the nats-server takes: its `max_payload`.
    pub limit: usize,
}

impl AccountUsage {
    /// Whether it fits into a message.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.bytes <= self.limit
    }

    /// Whether it takes more than four fifths of a message.
    #[must_use]
    pub fn is_nearly_full(&self) -> bool {
        self.bytes / 4 > self.limit / 5
    }
}

impl fmt::Display for AccountUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            revocations,
            bytes,
            limit,
        } = self;
        write!(
            f,
            "{revocations} entries, {bytes} bytes of the {limit} that the nats-server takes"
        )
    }
}

/// What became of the account's token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Published {
    /// It said all of it already.
    AsItWas(AccountUsage),
    /// There is a new one.
    Changed,
}

impl Gate {
    /// Reads the aggregator's keys, and connects to the system account.
    ///
    /// # Errors
    /// When the keys cannot be used. The nats-server may be away.
    pub async fn open(servers: &Servers, keys: &Path) -> anyhow::Result<Self> {
        let system = AggregatorKeys::system_creds(keys);
        let keys = AggregatorKeys::open(keys)?;
        let bus: Result<Bus, ConnectError> = Bus::connect(servers, Some(&system)).await;
        let system = System::new(bus?, keys.identity.fleet.clone());
        Ok(Self { keys, system })
    }

    /// The bus that the keys are for.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.keys.identity
    }

    /// Who comes and goes.
    #[must_use]
    pub fn system(&self) -> &System {
        &self.system
    }

    pub(super) fn keys(&self) -> &AggregatorKeys {
        &self.keys
    }

    /// Gives everybody the permissions of this version: they stand in the account's token, not in the credentials. Where that fails
    /// they stay those of the version before, and [`super::reconcile_account`] tries again.
    pub async fn bring_permissions_up_to_date(&self) {
        if let Err(error) = self.publish(&Revocations::new(), Timestamp::now()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the permissions on the bus could not be brought up to date"
            );
        }
    }

    /// Who is locked out by the account's token.
    pub(super) async fn revoked(&self) -> Result<Revocations, EnrolmentError> {
        let account = self.system.account().await?;
        Ok(FleetAccount::parse(&account, &self.keys.identity)?.revoked())
    }

    /// Makes sure that the account's token locks these out, each for as long as it must.
    pub(super) async fn publish(
        &self,
        revoked: &Revocations,
        now: Timestamp,
    ) -> Result<Published, EnrolmentError> {
        let AggregatorKeys {
            identity,
            operator_signing,
            ..
        } = &self.keys;
        let account = FleetAccount::parse(&self.system.account().await?, identity)?;
        match account.changed(identity, revoked, operator_signing, now) {
            None => Ok(Published::AsItWas(self.usage(&account))),
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

    /// The same for the system account. Its token is made from what is known here, so there is nothing to compare it with.
    pub(super) async fn publish_system(&self, revoked: &Revocations) -> Result<(), EnrolmentError> {
        let (identity, signed_by) = (&self.keys.identity, &self.keys.operator_signing);
        let token = system_account(identity, revoked, signed_by, Timestamp::now());
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
