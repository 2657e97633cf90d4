//! Decides what is signed. Knows nothing of sockets.

use std::time::Duration;

use bus_keys::{
    AggregatorKeys, FleetAccount, Identity, JwtError, Revocations, Token, system_account,
};
use jiff::{SignedDuration, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use tracing::info;

use super::wire::MESSAGE_BYTES;
use super::{SignRequest, SignResponse};

/// The signing keys, and the revocations that must not be undone with them.
#[derive(Debug)]
pub struct SigningKeys {
    keys: AggregatorKeys,
    max_lifetime: Duration,
    /// Every revocation seen in a token or a request: presenting an older token of the account, which is still valid, must not undo one.
    revoked: Mutex<Revocations>,
    /// The `iat` of the last token of the system account.
    system_issued_at: Mutex<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the account's token: {0}")]
    Account(#[from] JwtError),
    #[error("the account's token would have {0} bytes, more than a message may have")]
    TooLarge(usize),
}

impl SigningKeys {
    /// Agents' tokens last no longer than `max_lifetime`.
    #[must_use]
    pub fn new(keys: AggregatorKeys, max_lifetime: Duration) -> Self {
        Self {
            keys,
            max_lifetime,
            revoked: Mutex::default(),
            system_issued_at: Mutex::default(),
        }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.keys.identity
    }

    pub(super) fn respond(&self, request: SignRequest, now: Timestamp) -> SignResponse {
        self.sign(request, now)
            .unwrap_or_else(|refusal| SignResponse::Refused(refusal.to_string()))
    }

    fn sign(&self, request: SignRequest, now: Timestamp) -> Result<SignResponse, Refusal> {
        let (identity, signed_by) = (&self.keys.identity, &self.keys.operator_signing);
        let token = match request {
            SignRequest::Agent {
                cluster,
                key,
                expires_at,
            } => {
                let expires_at = expires_at.min(now + self.max_lifetime);
                let token = self.keys.agent(&cluster, &key, (now, expires_at));
                // Logged, since the key is needed to revoke it, no matter who requested it.
                info!(%cluster, public_key = %key, %expires_at, "agent's token signed");
                token
            }
            SignRequest::FleetAccount { current, revoked } => {
                let current = FleetAccount::parse(&current, identity)?;
                let mut known = self.revoked(now);
                let all = union([&known, &revoked]);
                let Some(changed) = current.changed(identity, &all, signed_by, now) else {
                    *known = current.revoked();
                    return Ok(SignResponse::Unchanged);
                };
                check_size(changed.token())?;
                *known = changed.revoked();
                info!(revocations = known.len(), "account's token signed");
                changed.token().clone()
            }
            SignRequest::SystemAccount {
                fleet_account,
                revoked,
            } => {
                let fleet = FleetAccount::parse(&fleet_account, identity)?;
                let mut known = self.revoked(now);
                let all = union([&known, &revoked, &fleet.revoked()]);
                let issued_at = self.next_system_issue(now);
                let token = system_account(identity, &all, signed_by, issued_at);
                check_size(&token)?;
                info!(revocations = all.len(), "system account's token signed");
                *known = all;
                token
            }
        };
        Ok(SignResponse::Token(token.as_str().to_owned()))
    }

    /// One second later than any token issued so far. Of two tokens issued in the same second, the nats-server uses the one that it reads
    /// last: at its start that is the one in the configuration, which revokes no key.
    fn next_system_issue(&self, now: Timestamp) -> Timestamp {
        let mut issued_at = self.system_issued_at.lock();
        *issued_at = now.max(*issued_at) + SignedDuration::from_secs(1);
        *issued_at
    }

    /// The revocations that are not over. Older ones are dropped here; whether they stay in the account is decided by the token and the request.
    fn revoked(&self, now: Timestamp) -> MutexGuard<'_, Revocations> {
        let mut revoked = self.revoked.lock();
        revoked.retain(|_, until| *until > now);
        revoked
    }
}

/// Each key until the latest time in any of the lists.
fn union<const N: usize>(lists: [&Revocations; N]) -> Revocations {
    let mut all = Revocations::new();
    for (key, until) in lists.into_iter().flatten() {
        let latest = all.entry(key.clone()).or_insert(*until);
        *latest = (*latest).max(*until);
    }
    all
}

fn check_size(token: &Token) -> Result<(), Refusal> {
    match token.as_str().len() {
        bytes if bytes > MESSAGE_BYTES => Err(Refusal::TooLarge(bytes)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use bus_keys::{Key, Kind, ServerSettings, UserKey, init};
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    const LIFETIME: Duration = Duration::from_hours(12);

    /// The keys of a new bus, and the tokens in its nats-server's configuration.
    fn new_bus() -> (SigningKeys, Vec<String>) {
        let dir = TempDir::new().unwrap();
        let (bus, settings) = (
            dir.path().join("bus"),
            ServerSettings {
                listen: ([127, 0, 0, 1], 4222).into(),
                store: dir.path().to_owned(),
                tls: None,
                websocket: None,
                members: vec![],
            },
        );
        init(&bus, &settings, now()).unwrap();
        let keys = AggregatorKeys::open_signing_keys(&bus.join("aggregator")).unwrap();
        let config = std::fs::read_to_string(bus.join("server/bus.conf")).unwrap();
        let tokens = config.split('"').filter(|text| text.starts_with("eyJ"));
        let tokens = tokens.map(str::to_owned).collect();
        (SigningKeys::new(keys, LIFETIME), tokens)
    }

    fn fleet_account(keys: &SigningKeys, tokens: &[String]) -> String {
        let is_fleets = |token: &&String| FleetAccount::parse(token, keys.identity()).is_ok();
        tokens.iter().find(is_fleets).expect("it is there").clone()
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn hours(count: i64) -> Timestamp {
        now() + SignedDuration::from_hours(count)
    }

    fn user() -> UserKey {
        UserKey::from(&Key::generate(Kind::User))
    }

    /// The account's token with this user revoked as well.
    fn revoke(keys: &SigningKeys, current: &str, user: &UserKey, until: Timestamp) -> FleetAccount {
        let request = SignRequest::FleetAccount {
            current: current.to_owned(),
            revoked: [(user.clone(), until)].into(),
        };
        match keys.respond(request, now()) {
            SignResponse::Token(token) => FleetAccount::parse(&token, keys.identity()).unwrap(),
            SignResponse::Unchanged => FleetAccount::parse(current, keys.identity()).unwrap(),
            SignResponse::Refused(reason) => panic!("{reason}"),
        }
    }

    #[test]
    fn no_request_takes_a_revocation_back() {
        let (keys, tokens) = new_bus();
        let first = fleet_account(&keys, &tokens);
        let (one, other) = (user(), user());
        let revoked = revoke(&keys, &first, &one, hours(48));
        let again = revoke(&keys, revoked.token().as_str(), &one, hours(-1));
        assert_eq!(again.revoked()[&one], hours(48));
        // As valid as the last one, and put forward by somebody who would like to have it back.
        let from_first = revoke(&keys, &first, &other, hours(48));
        assert!(from_first.has_revoked(&one) && from_first.has_revoked(&other));
        let request = SignRequest::SystemAccount {
            fleet_account: first,
            revoked: Revocations::new(),
        };
        let SignResponse::Token(system) = keys.respond(request, now()) else {
            panic!("it is signed");
        };
        let claims = claims(&system);
        for user in [&one, &other] {
            assert!(claims["nats"]["revocations"][user.as_str()].is_i64());
        }
    }

    /// The nats-server prefers the later one: its configuration's was issued at `now()`.
    #[test]
    fn each_token_of_the_system_account_is_later_than_the_one_before_and_the_configurations() {
        let (keys, tokens) = new_bus();
        let issued_at = [now(); 3].map(|now| {
            let request = SignRequest::SystemAccount {
                fleet_account: fleet_account(&keys, &tokens),
                revoked: Revocations::new(),
            };
            let SignResponse::Token(token) = keys.respond(request, now) else {
                panic!("it is signed");
            };
            claims(&token)["iat"].as_i64().unwrap() - now.as_second()
        });
        assert_eq!(issued_at, [1, 2, 3]);
    }

    #[test]
    fn a_revocation_that_is_over_is_taken_out() {
        let (keys, tokens) = new_bus();
        let first = fleet_account(&keys, &tokens);
        let user = user();
        let revoked = revoke(&keys, &first, &user, hours(1));
        let request = SignRequest::FleetAccount {
            current: revoked.token().as_str().to_owned(),
            revoked: [(user.clone(), hours(1))].into(),
        };
        let SignResponse::Token(pruned) = keys.respond(request, hours(2)) else {
            panic!("it changes");
        };
        let pruned = FleetAccount::parse(&pruned, keys.identity()).unwrap();
        assert!(!pruned.has_revoked(&user));
    }

    #[test]
    fn tokens_that_are_not_the_fleet_accounts_of_this_bus_are_refused() {
        let (keys, tokens) = new_bus();
        let (other_keys, other_tokens) = new_bus();
        let fleet = fleet_account(&keys, &tokens);
        let mut foreign: Vec<String> = tokens.into_iter().filter(|it| *it != fleet).collect();
        foreign.push(fleet_account(&other_keys, &other_tokens));
        foreign.extend(["".to_owned(), "a.b.c".to_owned(), fleet.replace('.', "")]);
        assert_eq!(foreign.len(), 6, "the operator's and the system's, too");
        for current in foreign {
            for request in [
                SignRequest::FleetAccount {
                    current: current.clone(),
                    revoked: Revocations::new(),
                },
                SignRequest::SystemAccount {
                    fleet_account: current.clone(),
                    revoked: Revocations::new(),
                },
            ] {
                let response = keys.respond(request, now());
                assert!(matches!(response, SignResponse::Refused(_)), "{response:?}");
            }
        }
    }

    #[test]
    fn an_agents_token_ends_when_the_longest_lifetime_does() {
        let (keys, _) = new_bus();
        for (requested, expected) in [(Timestamp::MAX, hours(12)), (hours(1), hours(1))] {
            let request = SignRequest::Agent {
                cluster: "cluster-a".parse().unwrap(),
                key: user(),
                expires_at: requested,
            };
            let SignResponse::Token(token) = keys.respond(request, now()) else {
                panic!("it is signed");
            };
            let cluster = keys.identity().agent_in(&token);
            assert_eq!(cluster, Some("cluster-a".parse().unwrap()));
            assert_eq!(claims(&token)["exp"], json!(expected.as_second()));
        }
    }

    fn claims(token: &str) -> serde_json::Value {
        use base64::Engine as _;
        let claims = token.split('.').nth(1).unwrap();
        let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims);
        serde_json::from_slice(&json.unwrap()).unwrap()
    }
}
