//! One try to deliver a message. No redirects and no proxy: the request goes to the checked address of the URL, or nowhere.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use reqwest::redirect::Policy;

use crate::address::{CheckedResolver, Reach};
use crate::message::Message;
use crate::webhook::{Format, Webhook};

/// Time-out of a try.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The longest pause that a receiver can ask for.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// The client of one webhook.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    webhook: Webhook,
}

/// The client cannot be made, for instance since this machine trusts no CA.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client for the webhook {webhook}")]
pub struct ClientError {
    webhook: String,
    source: reqwest::Error,
}

/// What came of a try. Never shows the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// The receiver wants no more messages: 410.
    Gone,
    /// It may be tried again.
    Failed {
        /// Why.
        why: String,
        /// The receiver wants no message for this long.
        pause: Option<Duration>,
    },
}

impl Client {
    /// The client of a webhook.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn new(webhook: Webhook) -> Result<Self, ClientError> {
        // The library has no provider of its own; one that is installed already is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .user_agent(concat!(
                "multi-cluster-aggregator/",
                env!("CARGO_PKG_VERSION")
            ))
            .redirect(Policy::none())
            .no_proxy()
            .https_only(webhook.reach == Reach::Public)
            .dns_resolver(Arc::new(CheckedResolver(webhook.reach)))
            .timeout(ANSWER_WITHIN)
            .build();
        match http {
            Ok(http) => Ok(Self { http, webhook }),
            Err(source) => Err(ClientError {
                webhook: webhook.name,
                source,
            }),
        }
    }

    /// The webhook.
    #[must_use]
    pub fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    /// Sends a message once. `now`: the time in its signature.
    pub async fn send(&self, message: &Message, now: Timestamp) -> Outcome {
        let request = self.http.post(self.webhook.url.clone());
        let mut request = request.header(header::CONTENT_TYPE, "application/json");
        if let Format::Standard(keys) = &self.webhook.format {
            let timestamp = now.as_second();
            let signature = keys.sign(&message.id, timestamp, &message.body);
            request = request
                .header("webhook-id", &message.id)
                .header("webhook-timestamp", timestamp)
                .header("webhook-signature", signature);
        }
        match request.body(message.body.clone()).send().await {
            Ok(response) => judge(response.status(), response.headers()),
            Err(error) => Outcome::Failed {
                why: reasons(&error.without_url()),
                pause: None,
            },
        }
    }
}

fn judge(status: StatusCode, headers: &HeaderMap) -> Outcome {
    match status {
        status if status.is_success() => Outcome::Delivered,
        StatusCode::GONE => Outcome::Gone,
        status => Outcome::Failed {
            why: match status.is_redirection() {
                true => format!("it answered {status}, and redirects are not followed"),
                false => format!("it answered {status}"),
            },
            pause: pause(headers),
        },
    }
}

/// `Retry-After` in seconds.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds = value.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// An error with its causes in one line.
fn reasons(error: &dyn Error) -> String {
    let mut reasons = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !reasons.ends_with(&cause_text) {
            reasons += ": ";
            reasons += &cause_text;
        }
        next = cause.source();
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn judged(status: u16, retry_after: Option<&'static str>) -> Outcome {
        let mut headers = HeaderMap::new();
        let value = retry_after.map(HeaderValue::from_static);
        headers.extend(value.map(|value| (header::RETRY_AFTER, value)));
        judge(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn only_a_success_is_a_delivery_and_a_redirect_is_none() {
        for status in [200, 202, 204] {
            assert_eq!(judged(status, None), Outcome::Delivered, "{status}");
        }
        assert_eq!(judged(410, None), Outcome::Gone);
        for status in [301, 302, 307, 308, 304, 400, 404, 429, 500, 503] {
            let outcome = judged(status, None);
            assert!(
                matches!(outcome, Outcome::Failed { pause: None, .. }),
                "{status}"
            );
        }
    }

    #[test]
    fn a_receiver_can_ask_for_a_pause_within_bounds() {
        let pause = |value| match judged(429, Some(value)) {
            Outcome::Failed { pause, .. } => pause,
            outcome => panic!("{outcome:?}"),
        };
        assert_eq!(pause("30"), Some(Duration::from_secs(30)));
        assert_eq!(pause("86400"), Some(LONGEST_PAUSE));
        assert_eq!(pause("soon"), None);
        assert_eq!(pause("-1"), None);
    }
}
