//! The token of the fleet's account: which keys may sign what, and which users are revoked.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::claims::{AccountBody, Limits};
use crate::jwt::{Claims, JwtError, Token};
use crate::key::{Key, UserKey};
use crate::mint::Identity;
use crate::scope::{Scope, SigningKey};

/// Revoked users, and until when each entry must stay: by then all their tokens have expired. The server refuses tokens issued up
/// to this time, so it is in the future.
pub type Revocations = BTreeMap<UserKey, Timestamp>;

/// The fleet's account as stored in its token.
#[derive(Debug, Clone)]
pub struct FleetAccount {
    token: Token,
    claims: Claims<AccountBody>,
}

impl FleetAccount {
    /// A new account without revocations.
    pub(crate) fn first(identity: &Identity, signed_by: &Key, now: Timestamp) -> Self {
        let claims = Claims {
            exp: None,
            jti: String::new(),
            iat: now.as_second(),
            iss: signed_by.public(),
            name: "fleet".to_owned(),
            sub: identity.fleet.clone(),
            nats: AccountBody::new(Limits::with_jetstream(), scopes(identity)),
        };
        Self {
            token: Token::sign(claims.clone(), signed_by),
            claims,
        }
    }

    /// Reads the token that the server has.
    ///
    /// # Errors
    /// If it is not a token, not this account's, or not signed by this bus's operator: [`Self::changed`] retains the signing keys
    /// in it.
    pub fn parse(text: &str, identity: &Identity) -> Result<Self, JwtError> {
        let (token, claims) = Token::verify::<AccountBody>(text)?;
        if claims.sub != identity.fleet || claims.iss != identity.operator_signing {
            return Err(JwtError::OfAnotherBus);
        }
        Ok(Self { token, claims })
    }

    /// Its token.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The account with these users revoked as well, without expired revocations, and with this program's permissions; `None` if
    /// nothing changes. Other revocations in it are retained: somebody else has made them.
    #[must_use]
    pub fn changed(
        &self,
        identity: &Identity,
        revoked: &Revocations,
        signed_by: &Key,
        now: Timestamp,
    ) -> Option<Self> {
        let mut claims = self.claims.clone();
        let ours = scopes(identity);
        let is_ours = |there: &SigningKey| ours.iter().any(|ours| ours.key() == there.key());
        claims.nats.signing_keys.retain(|there| !is_ours(there));
        claims.nats.signing_keys.splice(0..0, ours.iter().cloned());
        let revocations = &mut claims.nats.revocations;
        for (user, until) in revoked {
            let before = revocations.get(user.as_str()).copied();
            let until = until.as_second().max(before.unwrap_or(0));
            if until > now.as_second() {
                revocations.insert(user.to_string(), until);
            } else {
                revocations.remove(user.as_str());
            }
        }
        if claims.nats == self.claims.nats {
            return None;
        }
        // The server prefers the newer token, and at its start the configuration's to one of the same second.
        claims.iat = now.as_second().max(self.claims.iat + 1);
        Some(Self {
            token: Token::sign(claims.clone(), signed_by),
            claims,
        })
    }

    /// The number of revoked users.
    #[must_use]
    pub fn revocations(&self) -> usize {
        self.claims.nats.revocations.len()
    }

    /// The revoked users. Entries of others that name no user are left out.
    #[must_use]
    pub fn revoked(&self) -> Revocations {
        let revoked = self.claims.nats.revocations.iter();
        let revoked =
            revoked.filter_map(|(user, until)| Some((user.parse().ok()?, second(*until)?)));
        revoked.collect()
    }

    /// Whether a user is revoked.
    #[must_use]
    pub fn has_revoked(&self, user: &UserKey) -> bool {
        self.claims.nats.revocations.contains_key(user.as_str())
    }
}

/// The token of the system account, with these users revoked. The server prefers it to tokens issued in an earlier second.
#[must_use]
pub fn system_account(
    identity: &Identity,
    revoked: &Revocations,
    signed_by: &Key,
    issued_at: Timestamp,
) -> Token {
    let scope = Scope::system(&identity.system_scope, &identity.fleet);
    let mut nats = AccountBody::new(Limits::default(), vec![SigningKey::Scoped(scope)]);
    let revoked = revoked.iter();
    let live = revoked.filter(|(_, until)| **until > issued_at);
    nats.revocations
        .extend(live.map(|(user, until)| (user.to_string(), until.as_second())));
    let claims = Claims {
        exp: None,
        jti: String::new(),
        iat: issued_at.as_second(),
        iss: String::new(),
        name: "system".to_owned(),
        sub: identity.system.clone(),
        nats,
    };
    Token::sign(claims, signed_by)
}

fn second(until: i64) -> Option<Timestamp> {
    Timestamp::from_second(until).ok()
}

fn scopes(identity: &Identity) -> Vec<SigningKey> {
    let scopes = [
        Scope::agent(&identity.agent_scope),
        Scope::aggregator(&identity.aggregator_scope),
        Scope::cli(&identity.cli_scope),
        Scope::admin(&identity.admin_scope),
    ];
    scopes.map(SigningKey::Scoped).into()
}
