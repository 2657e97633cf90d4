//! Reconciles the account's token with the bucket of credentials in the background: no request waits for it. A failure is a condition of
//! the aggregator.

use std::time::Duration;

use tokio::time::timeout;

use super::{AccountUsage, CredentialIssuer, EnrolmentError};
use diagnostics::Metrics;
use diagnostics::{AggregatorConditionType, Conditions};

/// Another replica or a command line may have left work unfinished.
const EVERY: Duration = Duration::from_secs(60);

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

const TRY_AGAIN_AT_MOST_AFTER: Duration = Duration::from_secs(15);

/// Enforces the recorded revocations, forever.
pub async fn reconcile_account(issuer: CredentialIssuer, conditions: Conditions, metrics: Metrics) {
    let mut failures: u32 = 0;
    loop {
        let reconciled = issuer.enforce_revocations().await;
        let wait = match &reconciled {
            Ok(usage) => {
                metrics.set_account_usage(usage.revocations, usage.bytes, usage.limit);
                failures = 0;
                EVERY
            }
            Err(error) => {
                if failures == 1 {
                    tracing::warn!(
                        error = error as &dyn std::error::Error,
                        "revocations and permissions are not enforced yet"
                    );
                }
                failures = failures.saturating_add(1);
                let doubled = TRY_AGAIN_AFTER.saturating_mul(2_u32.saturating_pow(failures - 1));
                doubled.min(TRY_AGAIN_AT_MOST_AFTER)
            }
        };
        show(&reconciled, failures, &conditions);
        // A newly recorded revocation ends the wait.
        drop(timeout(wait, issuer.recorded.notified()).await);
    }
}

fn show(reconciled: &Result<AccountUsage, EnrolmentError>, failures: u32, conditions: &Conditions) {
    let full = match reconciled {
        Err(EnrolmentError::RevocationsFull(usage)) => Some(format!(
            "the list of revoked credentials is full ({usage}): the latest revocations are not enforced. Raise max_payload in nats-server.conf and restart the nats-server; they then take effect automatically"
        )),
        _ => None,
    };
    let nearly_full = match reconciled {
        Ok(usage) if usage.is_nearly_full() => Some(format!(
            "the list of revoked credentials is nearly full ({usage}); when it is full no credential can be revoked. Raise max_payload in nats-server.conf and restart the nats-server"
        )),
        _ => None,
    };
    let outdated = match reconciled {
        // A single failure may mean that the link is not up yet, or that another replica did the same.
        Err(error) if full.is_none() && failures > 1 => Some(format!(
            "the account's token on the nats-server cannot be updated: {error}. Credentials revoked since then can still connect, and permissions may be those of the previous version; retrying"
        )),
        _ => None,
    };
    for (kind, message) in [
        (AggregatorConditionType::RevocationsFull, full),
        (AggregatorConditionType::RevocationsNearlyFull, nearly_full),
        (AggregatorConditionType::AccountTokenOutdated, outdated),
    ] {
        match message {
            Some(message) => conditions.raise(kind, message),
            None => conditions.clear(kind),
        }
    }
}
