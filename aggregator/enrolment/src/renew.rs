//! Renews agents' credentials over the bus before they expire. The broker authenticates the cluster by the subject; the body names a
//! public key, and without its private key the new token is useless.

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

/// Clusters whose requests are handled at the same time.
const AT_ONCE: usize = 16;

/// Shortest time between two responses to a cluster: one that sends requests without end occupies only one slot.
const PAUSE: Duration = Duration::from_secs(1);

/// The clusters whose requests are being handled, or were within [`PAUSE`].
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
        Ok(request) => {
            let renewal = renewal(issuer, cluster, &request).await;
            renewals.answer(cluster, &request.instance, &renewal).await;
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
    requested: &RenewCredential,
) -> CredentialRenewal {
    let renewed = match requested.public_key.parse::<UserKey>() {
        Ok(key) => issuer.renew(cluster, &key).await,
        Err(_) => Err(EnrolmentError::CredentialUnknown {
            cluster: cluster.clone(),
        }),
    };
    match renewed {
        Ok(token) => {
            info!(%cluster, public_key = requested.public_key, "credential renewed");
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

/// The error is `None` if the message is too large.
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
