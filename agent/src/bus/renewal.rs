//! Renews the credential before it expires: requests a newer token for the same key from the aggregator; each connection presents it at
//! its next reconnect.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_nats::connection::State;
use async_nats::{Client, Subscriber};
use bus_keys::Credentials;
use bus_schema::{CredentialRenewal, RenewCredential, subject};
use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::{Connected, Credential};
use crate::agent::Agent;
use crate::token_store::TokenStore;

/// The credential's file may be replaced in the meantime.
const LOOK_EVERY: Duration = Duration::from_hours(1);

const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// The bounds of the pause between two requests, which is a hundredth of the credential's lifetime.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Requests a renewal when it is due.
pub struct Renewal {
    client: Client,
    agent: Arc<Agent>,
    credential: Credential,
    store: TokenStore,
    answers: Subscriber,
    /// The fraction of its lifetime after which a credential is renewed; random, so that agents that were started together do not renew
    /// at the same time.
    part: f64,
    /// A token that has not been stored yet.
    unstored: Option<String>,
    is_logged: bool,
}

impl Renewal {
    /// Subscribes to the replies; requests renewals once it is run.
    pub async fn new(
        bus: &Connected,
        agent: Arc<Agent>,
        credential: Credential,
        store: TokenStore,
    ) -> Result<Self> {
        let client = bus.client.clone();
        let answers = subject::credential(&agent.cluster, &agent.instance);
        Ok(Self {
            answers: client.subscribe(answers).await?,
            client,
            agent,
            credential,
            store,
            part: rand::random_range(0.5..0.65),
            unstored: None,
            is_logged: false,
        })
    }

    /// Renews the credential forever.
    pub async fn run(mut self) {
        loop {
            let pause = match self.credential.read().await {
                Ok(credentials) => self.look_at(&credentials).await,
                // The connection attempt that fails because of it reports it.
                Err(error) => {
                    tracing::debug!(%error, "the credential cannot be read");
                    LONGEST_PAUSE
                }
            };
            self.store_token().await;
            sleep(pause).await;
        }
    }

    /// Renews the credential if it is due; returns when to check again.
    async fn look_at(&mut self, credentials: &Credentials) -> Duration {
        let (issued_at, end) = (credentials.issued_at(), credentials.expires_at());
        let Some(end) = end else {
            return LOOK_EVERY;
        };
        let life = Duration::try_from(end.duration_since(issued_at)).unwrap_or(Duration::ZERO);
        let due = due_in(issued_at, life.mul_f64(self.part), self.agent.now());
        if !due.is_zero() {
            return due.min(LOOK_EVERY);
        }
        if self.client.connection_state() == State::Connected {
            self.ask(credentials).await;
        }
        (life / 100).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }

    async fn ask(&mut self, credentials: &Credentials) {
        let question = RenewCredential {
            instance: self.agent.instance.clone(),
            public_key: credentials.user().to_string(),
        };
        let Ok(payload) = serde_json::to_vec(&question) else {
            tracing::error!("cannot serialize the renewal request");
            return;
        };
        let subject = subject::renewal(&self.agent.cluster);
        if let Err(error) = self.client.publish(subject, payload.into()).await {
            tracing::debug!(%error, "cannot send the renewal request");
            return;
        }
        let Ok(Some(answer)) = timeout(ANSWER_WITHIN, self.answers.next()).await else {
            self.log(credentials, "no aggregator answered");
            return;
        };
        match serde_json::from_slice(&answer.payload) {
            Ok(CredentialRenewal::Renewed { token }) => self.take(credentials, token).await,
            Ok(CredentialRenewal::Refused { message }) => self.log(credentials, &message),
            Ok(CredentialRenewal::Other) => {
                self.log(credentials, "the response is from a newer version")
            }
            Err(error) => self.log(credentials, &error.to_string()),
        }
    }

    async fn take(&mut self, credentials: &Credentials, token: String) {
        match self.credential.renew(&token).await {
            Ok(renewed) => {
                let (key, end) = (renewed.user(), renewed.expires_at());
                let end = end.map(|end| end.to_string());
                tracing::info!(public_key = %key, expires_at = end, "credential renewed");
                self.is_logged = false;
                self.unstored = Some(token);
            }
            Err(error) => self.log(credentials, &error.to_string()),
        }
    }

    async fn store_token(&mut self) {
        let Some(token) = &self.unstored else {
            return;
        };
        match self.store.store(token).await {
            Ok(()) => self.unstored = None,
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the renewed token could not be stored: after a restart this agent uses the previous one, which may have expired by then"
            ),
        }
    }

    /// Logs a failure once: requests are retried often.
    fn log(&mut self, credentials: &Credentials, why: &str) {
        if self.is_logged {
            tracing::debug!(why, "the credential is still not renewed");
            return;
        }
        self.is_logged = true;
        let cluster = &self.agent.cluster;
        tracing::warn!(
            public_key = %credentials.user(),
            expires_at = credentials.expires_at().map(|end| end.to_string()),
            "cannot renew the credential: {why}; retrying. If this lasts, replace it before it expires: `aggregator enroll {cluster}`"
        );
    }
}

/// The time until a fraction of its lifetime has passed.
fn due_in(issued_at: Timestamp, part: Duration, now: Timestamp) -> Duration {
    let passed = Duration::try_from(now.duration_since(issued_at)).unwrap_or(Duration::ZERO);
    part.saturating_sub(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_is_due_after_a_fraction_of_the_lifetime() {
        let issued_at: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let part = Duration::from_secs(600);
        let after = |seconds: u64| issued_at + Duration::from_secs(seconds);
        assert_eq!(due_in(issued_at, part, after(0)), part);
        assert_eq!(due_in(issued_at, part, after(599)), Duration::from_secs(1));
        assert_eq!(due_in(issued_at, part, after(600)), Duration::ZERO);
        assert_eq!(due_in(issued_at, part, after(9999)), Duration::ZERO);
        // With a clock that is behind.
        assert_eq!(due_in(after(60), part, issued_at), part);
    }
}
