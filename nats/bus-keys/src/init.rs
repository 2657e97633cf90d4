//! A new bus: all keys, each in the directory of the program that needs it, and the configuration of its nats-server.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::account::{FleetAccount, Revocations, system_account};
use crate::claims::OperatorBody;
use crate::directory::{AGGREGATOR, DirectoryError, KeyDirectoryWriter, Role, SYSTEM, ensure_free};
use crate::jwt::{Claims, Token};
use crate::key::{Key, Kind};
use crate::mint::{AggregatorKeys, Identity, PeopleKeys, aggregator_credentials};
use crate::routes::RouteAuthority;
use crate::server_config;
use crate::server_settings::ServerSettings;

/// The keys of a new bus.
#[derive(Debug, Clone)]
pub struct Bus {
    operator: Key,
    operator_signing: Key,
    system_scope: Key,
    aggregator_scope: Key,
    agent_scope: Key,
    cli_scope: Key,
    admin_scope: Key,
    identity: Identity,
}

/// Creates a new bus in `dir`.
///
/// # Errors
/// If `dir` already contains some or all keys, or cannot be written.
pub fn init(dir: &Path, settings: &ServerSettings, now: Timestamp) -> Result<Bus, DirectoryError> {
    ensure_free(dir)?;
    let bus = Bus::generate();
    bus.write(dir, settings, now)?;
    Ok(bus)
}

impl Bus {
    fn generate() -> Self {
        let operator = [Key::generate(Kind::Operator), Key::generate(Kind::Operator)];
        Self::of(operator, || Key::generate(Kind::Account))
    }

    /// The accounts' own private keys never sign anything, so they are not stored.
    fn of([operator, operator_signing]: [Key; 2], mut account: impl FnMut() -> Key) -> Self {
        let (system, fleet) = (account().public(), account().public());
        let [system_scope, aggregator_scope] = [account(), account()];
        let [agent_scope, cli_scope, admin_scope] = [account(), account(), account()];
        let identity = Identity {
            operator: operator.public(),
            operator_signing: operator_signing.public(),
            system,
            fleet,
            system_scope: system_scope.public(),
            aggregator_scope: aggregator_scope.public(),
            agent_scope: agent_scope.public(),
            cli_scope: cli_scope.public(),
            admin_scope: admin_scope.public(),
        };
        Self {
            operator,
            operator_signing,
            system_scope,
            aggregator_scope,
            agent_scope,
            cli_scope,
            admin_scope,
            identity,
        }
    }

    /// The aggregator's part.
    #[must_use]
    pub fn aggregator(&self) -> AggregatorKeys {
        AggregatorKeys {
            identity: self.identity.clone(),
            operator_signing: self.operator_signing.clone(),
            agent_scope: self.agent_scope.clone(),
        }
    }

    /// The keys that issue credentials for people.
    #[must_use]
    pub fn people(&self) -> PeopleKeys {
        PeopleKeys {
            identity: self.identity.clone(),
            cli_scope: self.cli_scope.clone(),
            admin_scope: self.admin_scope.clone(),
        }
    }

    fn write(
        &self,
        dir: &Path,
        settings: &ServerSettings,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        let dir_of = |role: Role| dir.join(role.dir());
        self.write_operator(&KeyDirectoryWriter::new(&dir_of(Role::Operator))?)?;
        self.write_aggregator(&KeyDirectoryWriter::new(&dir_of(Role::Aggregator))?, now)?;
        let operator = dir_of(Role::Operator);
        self.write_servers(&dir_of(Role::Server), &operator, settings, now)
    }

    /// The configuration of the single server, or one directory per server.
    fn write_servers(
        &self,
        dir: &Path,
        operator: &Path,
        settings: &ServerSettings,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        let fleet = self.fleet_token(now);
        let none_revoked = Revocations::new();
        let system = system_account(&self.identity, &none_revoked, &self.operator_signing, now);
        let tokens = server_config::Tokens {
            operator: &self.operator_token(now),
            system: (&self.identity.system, &system),
            fleet: (&self.identity.fleet, &fleet),
        };
        if settings.members.is_empty() {
            let writer = KeyDirectoryWriter::new(dir)?;
            writer.text("nats-server.conf", server_config::SHIPPED)?;
            let text = server_config::of_this_bus(settings, &settings.store, &tokens);
            return writer.text("bus.conf", &text);
        }
        let authority = RouteAuthority::generate(now)?;
        let directory = KeyDirectoryWriter::new(operator)?;
        directory.text("routes-ca.crt", &authority.certificate)?;
        directory.secret("routes-ca.key", &authority.key)?;
        for member in &settings.members {
            let dir = dir.join(member.name.as_str());
            let writer = KeyDirectoryWriter::new(&dir)?;
            let (certificate, key) = authority.sign(member)?;
            writer.text("routes-ca.crt", &authority.certificate)?;
            writer.text("routes.crt", &certificate)?;
            writer.secret("routes.key", &key)?;
            writer.text("nats-server.conf", server_config::SHIPPED)?;
            let store = settings.store.join(member.name.as_str());
            let mut text = server_config::of_this_bus(settings, &store, &tokens);
            text.push_str(&server_config::of_this_member(
                settings,
                member,
                &absolute(&dir),
            ));
            writer.text("bus.conf", &text)?;
        }
        Ok(())
    }

    fn write_operator(&self, writer: &KeyDirectoryWriter<'_>) -> Result<(), DirectoryError> {
        writer.identity(&self.identity)?;
        writer.key("operator.nk", &self.operator)?;
        writer.key("operator-signing.nk", &self.operator_signing)?;
        writer.key("system-scope.nk", &self.system_scope)?;
        writer.key("aggregator-scope.nk", &self.aggregator_scope)?;
        writer.key("agent-scope.nk", &self.agent_scope)?;
        writer.key("cli-scope.nk", &self.cli_scope)?;
        writer.key("admin-scope.nk", &self.admin_scope)
    }

    fn write_aggregator(
        &self,
        writer: &KeyDirectoryWriter<'_>,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        let Identity { fleet, system, .. } = &self.identity;
        let mint = |account: &str, scope: &Key| {
            aggregator_credentials(account, scope, &Key::generate(Kind::User), now)
        };
        writer.identity(&self.identity)?;
        writer.secret(AGGREGATOR, &mint(fleet, &self.aggregator_scope))?;
        writer.secret(SYSTEM, &mint(system, &self.system_scope))?;
        writer.key("operator-signing.nk", &self.operator_signing)?;
        writer.key("agent-scope.nk", &self.agent_scope)
    }

    fn operator_token(&self, now: Timestamp) -> Token {
        let signing = self.operator_signing.public();
        let claims = Claims {
            exp: None,
            jti: String::new(),
            iat: now.as_second(),
            iss: String::new(),
            name: "multi-cluster-aggregator".to_owned(),
            sub: self.operator.public(),
            nats: OperatorBody::new(signing, self.identity.system.clone()),
        };
        Token::sign(claims, &self.operator)
    }

    fn fleet_token(&self, now: Timestamp) -> Token {
        let account = FleetAccount::first(&self.identity, &self.operator_signing, now);
        account.token().clone()
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests;
