//! Who can issue credentials, and for whom. The permissions of a credential come from the signing key's template: see `scope`.

use bus_schema::{ClusterName, VERBS, subject};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::claims::UserBody;
use crate::credential_name::CredentialName;
use crate::credentials::Credentials;
use crate::jwt::{Claims, Token};
use crate::key::{Key, Kind, Secret, UserKey};

/// The public keys of one bus. Not secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The operator's.
    pub operator: String,
    /// The one that signs for the operator.
    pub operator_signing: String,
    /// The system account.
    pub system: String,
    /// The account of aggregator, agents and people.
    pub fleet: String,
    pub(crate) system_scope: String,
    pub(crate) aggregator_scope: String,
    pub(crate) agent_scope: String,
    pub(crate) cli_scope: String,
    pub(crate) admin_scope: String,
}

impl Identity {
    /// The cluster of the agent that presents this token; `None` if it is not an agent's of this bus. The caller must know that the
    /// server has authenticated its holder.
    #[must_use]
    pub fn agent_in(&self, token: &str) -> Option<ClusterName> {
        let (_, claims) = Token::verify::<UserBody>(token).ok()?;
        let ours = claims.iss == self.agent_scope && claims.nats.issuer_account == self.fleet;
        ours.then(|| claims.name.parse().ok()).flatten()
    }
}

/// The signing keys of a running aggregator: for agents' tokens and for revocations.
#[derive(Debug, Clone)]
pub struct AggregatorKeys {
    /// The bus that they belong to.
    pub identity: Identity,
    /// Signs the account's token.
    pub operator_signing: Key,
    pub(crate) agent_scope: Key,
}

impl AggregatorKeys {
    /// The token that makes the holder of a private key an agent of this cluster, and of no other, until then: a name that is not a
    /// [`ClusterName`], such as `*`, would be put into the template like any other.
    #[must_use]
    pub fn agent(
        &self,
        cluster: &ClusterName,
        holder: &UserKey,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Token {
        let mut user = user(cluster.as_str(), holder, &self.identity, now);
        user.0.exp = Some(expires_at.as_second());
        user.sign(&self.agent_scope)
    }

    /// A new private key with its token: the text of a credentials file.
    #[must_use]
    pub fn agent_credentials(
        &self,
        cluster: &ClusterName,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> (UserKey, Secret) {
        let key = Key::generate(Kind::User);
        let holder = UserKey::from(&key);
        let token = self.agent(cluster, &holder, (now, expires_at));
        (holder, Credentials::text(&token, &key))
    }
}

/// The keys that issue credentials for people. They stay with the operator of the bus.
#[derive(Debug, Clone)]
pub struct PeopleKeys {
    /// The bus that they belong to.
    pub identity: Identity,
    pub(crate) cli_scope: Key,
    pub(crate) admin_scope: Key,
}

/// The permissions of a person's credential.
#[derive(Debug, Clone)]
pub struct Permit {
    /// Its name, as shown in the server's log.
    pub name: CredentialName,
    /// The clusters; empty means all.
    pub clusters: Vec<ClusterName>,
    /// The verbs.
    pub verbs: Vec<&'static str>,
    /// Also to list the agents of all clusters, with `nats micro ls`.
    pub may_list_agents: bool,
    /// Also to receive the states and counts of all runs.
    pub may_see_runs: bool,
    /// Where replies arrive.
    pub inbox: Inbox,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
}

/// The inboxes that a person's credential may subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbox {
    /// Those under the credential's name.
    Own,
    /// Everyone's, which is the nats CLI's default: for a bus with one person.
    Everybodys,
}

impl PeopleKeys {
    /// The text of a credentials file, and the key for revoking it.
    #[must_use]
    pub fn credentials(&self, permit: &Permit, now: Timestamp) -> (UserKey, Secret) {
        let (key, mut user) = self.person(&permit.name, permit.expires_at, now);
        user.0.nats.tags = permit.tags();
        let token = user.sign(&self.cli_scope);
        (UserKey::from(&key), Credentials::text(&token, &key))
    }

    /// The same with all permissions in the fleet's account.
    #[must_use]
    pub fn administrator(
        &self,
        name: &CredentialName,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> (UserKey, Secret) {
        let (key, user) = self.person(name, Some(expires_at), now);
        let token = user.sign(&self.admin_scope);
        (UserKey::from(&key), Credentials::text(&token, &key))
    }

    fn person(
        &self,
        name: &CredentialName,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> (Key, User) {
        let key = Key::generate(Kind::User);
        let mut user = user(name.as_str(), &UserKey::from(&key), &self.identity, now);
        user.0.exp = expires_at.map(Timestamp::as_second);
        (key, user)
    }
}

impl Permit {
    /// The verb of this name, if there is one.
    #[must_use]
    pub fn verb(name: &str) -> Option<&'static str> {
        VERBS
            .iter()
            .map(|verb| verb.name)
            .find(|verb| *verb == name)
    }

    /// Every verb.
    #[must_use]
    pub fn all_verbs() -> Vec<&'static str> {
        VERBS.iter().map(|verb| verb.name).collect()
    }

    fn tags(&self) -> Vec<String> {
        let inbox = match self.inbox {
            Inbox::Own => self.name.inbox_prefix(),
            Inbox::Everybodys => subject::INBOX.to_owned(),
        };
        let mut tags = vec![format!("inbox:{inbox}")];
        tags.extend(self.verbs.iter().map(|verb| format!("verb:{verb}")));
        if self.clusters.is_empty() {
            tags.push("cluster:*".to_owned());
        }
        tags.extend(self.clusters.iter().map(|name| format!("cluster:{name}")));
        if self.may_list_agents {
            tags.push("srv:>".to_owned());
        }
        if self.may_see_runs {
            tags.push("run:*".to_owned());
        }
        tags
    }
}

struct User(Claims<UserBody>);

impl User {
    fn sign(self, scope: &Key) -> Token {
        Token::sign(self.0, scope)
    }
}

fn user(name: &str, holder: &UserKey, identity: &Identity, now: Timestamp) -> User {
    in_account(name, holder, &identity.fleet, now)
}

fn in_account(name: &str, holder: &UserKey, account: &str, now: Timestamp) -> User {
    User(Claims {
        exp: None,
        jti: String::new(),
        iat: now.as_second(),
        iss: String::new(),
        name: name.to_owned(),
        sub: holder.to_string(),
        nats: UserBody::new(account.to_owned(), vec![]),
    })
}

/// The credentials of the aggregator itself, in an account and under a scope of it.
pub(crate) fn aggregator_credentials(
    account: &str,
    scope: &Key,
    key: &Key,
    now: Timestamp,
) -> Secret {
    let token = in_account("aggregator", &UserKey::from(key), account, now).sign(scope);
    Credentials::text(&token, key)
}
