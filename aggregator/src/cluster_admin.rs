//! `aggregator enroll` and `aggregator revoke`: what the API does, for whoever holds the aggregator's keys, without a running
//! aggregator. Audited as well.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Result, bail};
use async_nats::jetstream;
use bus_keys::AggregatorKeys;
use bus_link::Servers;
use bus_schema::ClusterName;
use jiff::Timestamp;

use crate::args::{BusLink, Enroll, Revoke};
use crate::audit::{Audit, Entry, Outcome, Target};
use crate::bus::Bus;
use crate::enrolment::{Agent, Enrolment, Gate, Given, agent_ca};
use crate::fleet::{Clusters, mint};

const CONNECTED_WITHIN: Duration = Duration::from_secs(10);

/// The user of such acts in the audit.
const USER: &str = "(command line)";

struct Link {
    enrolment: Enrolment,
    audit: Audit,
    clusters: Clusters,
}

impl Link {
    async fn open(args: &BusLink) -> Result<Self> {
        let creds = AggregatorKeys::aggregator_creds(&args.bus_keys);
        let servers = Servers::new(&args.nats_url, args.nats_ca.as_deref())?;
        let gate = Gate::open(&servers, &args.bus_keys).await?;
        let bus = Bus::connect(&servers, Some(&creds)).await?;
        let connected = async {
            while !bus.is_up() || !gate.system().is_up() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(CONNECTED_WITHIN, connected)
            .await
            .is_err()
        {
            bail!(
                "no connection to {} with the credentials in {}",
                args.nats_url,
                args.bus_keys.display()
            );
        }
        let (jetstream, replicas) = (
            jetstream::new(bus.client().clone()),
            args.jetstream_replicas,
        );
        Ok(Self {
            enrolment: Enrolment::open(gate, &jetstream, replicas).await?,
            audit: Audit::open(&jetstream, replicas).await?,
            clusters: Clusters::open(&jetstream, replicas).await?,
        })
    }
}

/// `aggregator enroll CLUSTER`: the manifest, or the token, on standard output.
///
/// # Errors
/// When the bus is away, or the cluster has two credentials already.
pub async fn enroll(args: Enroll) -> Result<()> {
    let nats_ca = agent_ca(args.agent_nats_ca.as_ref().or(args.link.nats_ca.as_ref()))?;
    let link = Link::open(&args.link).await?;
    let (id, entry) = intent("enroll", &args.cluster);
    let enrolled = link.enrolment.enroll(&args.cluster, args.public_key, USER);
    let enrolled = link.audit.around(&id, entry, enrolled).await??;
    let agent = Agent {
        nats_url: args.agent_nats_url.unwrap_or(args.link.nats_url),
        nats_ca,
        image: args.agent_image,
    };
    let text = match &enrolled.given {
        Given::Credentials(secret) => agent.manifest(&args.cluster, secret),
        Given::Token(token) => format!("{}\n", token.as_str()),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    tracing::info!(cluster = %args.cluster, public_key = %enrolled.public_key, "let in");
    Ok(())
}

/// `aggregator revoke CLUSTER`
///
/// # Errors
/// When the bus is away, or the cluster has no such credential.
pub async fn revoke(args: Revoke) -> Result<()> {
    let link = Link::open(&args.link).await?;
    let (id, entry) = intent("revoke", &args.cluster);
    let act = async {
        let revoked = link
            .enrolment
            .revoke(&args.cluster, args.key.as_ref())
            .await?;
        if args.key.is_none() {
            link.clusters.forget(&args.cluster).await?;
        }
        Ok::<_, crate::enrolment::EnrolmentError>(revoked)
    };
    let revoked = link.audit.around(&id, entry, act).await??;
    for key in revoked {
        tracing::info!(cluster = %args.cluster, public_key = %key, "locked out");
    }
    Ok(())
}

fn intent(verb: &str, cluster: &ClusterName) -> (bus_schema::OperationId, Entry) {
    let id = mint();
    let entry = Entry {
        time: Timestamp::now(),
        user: USER.to_owned(),
        address: None,
        verb: verb.to_owned(),
        target: Some(Target {
            cluster: cluster.clone(),
            namespace: None,
            deployment_name: None,
        }),
        operation_id: Some(id.clone()),
        outcome: Outcome::Pending,
        detail: None,
        request_id: None,
    };
    (id, entry)
}
