//! Agents' credentials, renewed over the bus before their end. The broker authenticates the cluster by the subject; what the body names
//! is a public key, and the token that it gets is of no use to anybody else.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::Message;
use bus_keys::UserKey;
use bus_schema::{ClusterName, CredentialRenewal, RenewCredential};
use futures::StreamExt as _;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::sleep;
use tracing::{info, warn};

use super::{CredentialIssuer, Enrolment, EnrolmentError, Issuing};
use fleet::RenewalRequests;

/// Clusters whose requests are worked on at the same time.
const AT_ONCE: usize = 16;

/// A cluster gets its next answer after so long: one that asks without end gets one place of those, and no more.
const PAUSE: Duration = Duration::from_secs(1);

/// The clusters that are worked on, or have just been.
#[derive(Default)]
struct Busy(Mutex<BTreeSet<ClusterName>>);

/// Answers without end. Does nothing where this aggregator has no keys to sign with.
pub async fn renew_credentials(enrolment: Enrolment, requests: RenewalRequests) {
    let Ok(Issuing { issuer, .. }) = enrolment.issuing() else {
        return;
    };
    let (renewals, issuer, busy) = (&requests, &issuer, &Busy::default());
    loop {
        if let Some(requests) = renewals.subscribe().await {
            let requests = requests.stream();
            let answering = requests.for_each_concurrent(AT_ONCE, |(from, request)| async move {
                answer(renewals, issuer, busy, from.cluster(), &request).await;
            });
            answering.await;
        }
        warn!("cannot subscribe to renewal requests; retrying");
        sleep(PAUSE).await;
    }
}

async fn answer(
    renewals: &RenewalRequests,
    issuer: &CredentialIssuer,
    busy: &Busy,
    cluster: &ClusterName,
    request: &Message,
) {
    if !busy.begin(cluster) {
        return;
    }
    match read(request) {
        Ok(asked) => {
            let renewal = renewal(issuer, cluster, &asked).await;
            renewals.answer(cluster, &asked.instance, &renewal).await;
        }
        Err(error) => {
            let error = error.as_ref().map(|error| error as _);
            renewals.reject(cluster, error);
        }
    }
    sleep(PAUSE).await;
    busy.end(cluster);
}

async fn renewal(
    issuer: &CredentialIssuer,
    cluster: &ClusterName,
    asked: &RenewCredential,
) -> CredentialRenewal {
    let renewed = match asked.public_key.parse::<UserKey>() {
        Ok(key) => issuer.renew(cluster, &key).await,
        Err(_) => Err(EnrolmentError::CredentialUnknown {
            cluster: cluster.clone(),
        }),
    };
    match renewed {
        Ok(token) => {
            info!(%cluster, public_key = asked.public_key, "credential renewed");
            CredentialRenewal::Renewed {
                token: token.as_str().to_owned(),
            }
        }
        Err(error) => {
            warn!(%cluster, error = &error as &dyn std::error::Error, "credential not renewed");
            CredentialRenewal::Refused {
                message: error.to_string(),
            }
        }
    }
}

/// An error without a cause is too large a message.
fn read(request: &Message) -> Result<RenewCredential, Option<serde_json::Error>> {
    if request.payload.len() > RenewCredential::MAX_BYTES {
        return Err(None);
    }
    serde_json::from_slice(&request.payload).map_err(Some)
}

impl Busy {
    fn begin(&self, cluster: &ClusterName) -> bool {
        self.clusters().insert(cluster.clone())
    }

    fn end(&self, cluster: &ClusterName) {
        self.clusters().remove(cluster);
    }

    fn clusters(&self) -> MutexGuard<'_, BTreeSet<ClusterName>> {
        self.0.lock()
    }
}
