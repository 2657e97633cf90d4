//! Agents' credentials, renewed over the bus before their end. The broker authenticates the cluster by the subject; what the body names
//! is a public key, and the token that it gets is of no use to anybody else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use bus_keys::UserKey;
use bus_schema::subject;
use bus_schema::{ClusterName, CredentialRenewal, RenewCredential};
use futures::StreamExt as _;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::sleep;
use tracing::{info, warn};

use super::agent_messages::{AgentMessages, Kind};
use super::{Fleet, json, rate_limit};
use crate::enrolment::{Enrolment, EnrolmentError};

/// Of several replicas one answers.
const QUEUE: &str = "aggregator";

/// Clusters whose questions are worked on at the same time.
const AT_ONCE: usize = 16;

/// A cluster gets its next answer after so long: one that asks without end gets one place of those, and no more.
const PAUSE: Duration = Duration::from_secs(1);

/// The clusters that are worked on, or have just been.
#[derive(Default)]
struct Busy(Mutex<BTreeSet<ClusterName>>);

/// Answers without end. Does nothing where this aggregator has no keys to sign with.
pub async fn renew_credentials(fleet: Arc<Fleet>) {
    let Ok(doorkeeper) = fleet.any_doorkeeper() else {
        return;
    };
    let (enrolment, busy) = (&doorkeeper.enrolment, &Busy::default());
    loop {
        let kind = Kind {
            bus: fleet.unasked.clone(),
            name: "requests for renewal",
            pattern: subject::RENEWALS.to_owned(),
            queue: Some(QUEUE),
            limit: rate_limit::RENEWALS,
        };
        if let Some(questions) = AgentMessages::open(&fleet, kind).await {
            let fleet = &fleet;
            let questions = questions.stream();
            let answering = questions.for_each_concurrent(AT_ONCE, |(from, question)| async move {
                fleet
                    .answer_renewal(enrolment, busy, from.cluster(), &question)
                    .await;
            });
            answering.await;
        }
        warn!("cannot subscribe to renewal requests; retrying");
        sleep(PAUSE).await;
    }
}

impl Fleet {
    async fn answer_renewal(
        &self,
        enrolment: &Enrolment,
        busy: &Busy,
        cluster: &ClusterName,
        question: &Message,
    ) {
        if !busy.begin(cluster) {
            return;
        }
        match read(question) {
            Ok(asked) => {
                let renewal = renewal(enrolment, cluster, &asked).await;
                let answer_to = subject::credential(cluster, &asked.instance);
                self.bus.publish(answer_to, json(&renewal).into()).await;
            }
            Err(error) => {
                let what = "asked for the renewal of what is no credential";
                let error = error.as_ref().map(|error| error as _);
                self.misbehaves(cluster, what, error);
            }
        }
        sleep(PAUSE).await;
        busy.end(cluster);
    }
}

async fn renewal(
    enrolment: &Enrolment,
    cluster: &ClusterName,
    asked: &RenewCredential,
) -> CredentialRenewal {
    let renewed = match asked.public_key.parse::<UserKey>() {
        Ok(key) => enrolment.renew(cluster, &key).await,
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
fn read(question: &Message) -> Result<RenewCredential, Option<serde_json::Error>> {
    if question.payload.len() > RenewCredential::MAX_BYTES {
        return Err(None);
    }
    serde_json::from_slice(&question.payload).map_err(Some)
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
