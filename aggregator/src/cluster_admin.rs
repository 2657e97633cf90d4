//! `aggregator enroll`, `aggregator revoke` and `aggregator bus revoke`: what the API does, for an operator who holds the aggregator's keys, without a running
//! aggregator. Audited as well.

use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use async_nats::jetstream;
use bus_keys::{AggregatorKeys, private_file, user_of};
use bus_schema::ClusterName;
use jiff::Timestamp;

use crate::args::{BusLink, BusRevoke, Enroll, Revoke};
use audit::{Audit, AuditError, Entry, Outcome, Target};
use enrolment::{
    Agent, BusAccount, ClusterCredentials, CredentialIssuer, EnrolmentError, IssuedCredential,
    agent_ca,
};
use fleet::Clusters;
use fleet::journal::Journal;
use labels::{LabelPatch, Labels};
use storage::bus::{Bus, BusClock};

const CONNECTED_WITHIN: Duration = Duration::from_secs(10);

/// The user of such acts in the audit.
const USER: &str = "(command line)";

pub(crate) struct Link {
    pub jetstream: jetstream::Context,
    issuer: CredentialIssuer,
    pub journal: Journal,
    clusters: Clusters,
}

impl Link {
    pub(crate) async fn open(args: &BusLink) -> Result<Self> {
        let creds = AggregatorKeys::aggregator_creds(&args.bus_keys);
        let servers = args.bus.servers()?;
        let account = BusAccount::open(&servers, &args.bus_keys, args.signer.as_deref()).await?;
        let bus = Bus::connect(&servers, Some(&creds)).await?;
        let is_up = || bus.is_up() && account.system().is_up();
        wait_for(is_up, &args.bus.nats_url, &args.bus_keys).await?;
        let (jetstream, replicas) = (
            jetstream::new(bus.client().clone()),
            args.jetstream_replicas,
        );
        let clock = BusClock::default();
        clock.compare(&bus).await;
        let audit = Audit::open(&jetstream, replicas, clock.clone()).await?;
        Ok(Self {
            issuer: CredentialIssuer::open(account, &jetstream, replicas).await?,
            journal: Journal::open(&jetstream, replicas, audit, clock).await?,
            clusters: Clusters::open(&jetstream, replicas).await?,
            jetstream,
        })
    }
}

/// Waits for the connection that is made with these credentials.
pub(crate) async fn wait_for(is_up: impl Fn() -> bool, nats_url: &str, creds: &Path) -> Result<()> {
    let connected = async {
        while !is_up() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let connected = tokio::time::timeout(CONNECTED_WITHIN, connected).await;
    connected.with_context(|| {
        format!(
            "no connection to {nats_url} with the credentials in {}",
            creds.display()
        )
    })
}

/// `aggregator enroll CLUSTER`: the manifest, or the token, on standard output, or the credentials in a file.
///
/// # Errors
/// When the bus is unreachable, the cluster has two credentials already, or the file exists and `--keep` was not given.
pub async fn enroll(args: Enroll) -> Result<()> {
    if has_credentials(&args)? {
        return Ok(());
    }
    let nats_ca = agent_ca(
        args.agent_nats_ca
            .as_ref()
            .or(args.link.bus.nats_ca.as_ref()),
    )?;
    let link = Link::open(&args.link).await?;
    let entry = intent(link.journal.now(), "enroll", Some(&args.cluster));
    let request = args.credential_request.as_ref();
    let issuer = link.issuer.with_lifetime(args.agent_credentials.lifetime);
    let labels = LabelPatch::from(args.labels.into_iter().collect::<Labels>());
    let enrolled = async {
        let enrolled = issuer.enroll(&args.cluster, request, USER).await?;
        if !labels.is_empty() {
            link.clusters.patch_labels(&args.cluster, &labels).await?;
        }
        Ok::<_, EnrolmentError>(enrolled)
    };
    let enrolled = record(&link.journal, entry, enrolled).await??;
    let agent = Agent {
        nats_url: args.agent_nats_url.unwrap_or(args.link.bus.nats_url),
        nats_ca,
        image: args.agent_image,
        verbs: args.verbs,
    };
    match (&enrolled.credential, &args.creds_out) {
        (IssuedCredential::Credentials(secret), Some(file)) => private_file(file, secret.expose())?,
        (IssuedCredential::Credentials(secret), None) => {
            say(&agent.manifest(&args.cluster, secret))?
        }
        (IssuedCredential::Token(token), _) => say(&format!("{}\n", token.as_str()))?,
    }
    tracing::info!(cluster = %args.cluster, public_key = %enrolled.public_key, "agent enrolled");
    Ok(())
}

/// Whether an earlier call created them and `--keep` was given.
fn has_credentials(args: &Enroll) -> Result<bool> {
    let Some(file) = args.creds_out.as_deref().filter(|file| file.exists()) else {
        return Ok(false);
    };
    ensure!(
        args.keep,
        "--creds-out: {} already exists and was not changed; give another file, or --keep",
        file.display()
    );
    tracing::info!(cluster = %args.cluster, file = %file.display(), "agent already enrolled");
    Ok(true)
}

pub(crate) fn say(text: &str) -> Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// `aggregator revoke CLUSTER`
///
/// # Errors
/// When the bus is unreachable, or the cluster has no such credential.
pub async fn revoke(args: Revoke) -> Result<()> {
    let link = Link::open(&args.link).await?;
    let entry = intent(link.journal.now(), "revoke", Some(&args.cluster));
    let forget = async |_: &ClusterCredentials| match args.key {
        None => Ok(link.clusters.forget(&args.cluster).await?),
        Some(_) => Ok(()),
    };
    let act = link.issuer.revoke(&args.cluster, args.key.as_ref(), forget);
    let revoked = record(&link.journal, entry, act).await??;
    if revoked.is_empty() {
        tracing::warn!(cluster = %args.cluster, "no credential of this cluster was recorded: an agent whose credential was issued elsewhere can reconnect");
    }
    for key in revoked {
        tracing::info!(cluster = %args.cluster, public_key = %key, "credential revoked");
    }
    Ok(())
}

/// `aggregator bus revoke KEY`
///
/// # Errors
/// When the bus is unreachable, or it is the key with which this is done.
pub async fn revoke_key(args: BusRevoke) -> Result<()> {
    let BusRevoke {
        key,
        expires_at,
        link,
    } = args;
    let keys = &link.bus_keys;
    for own in [
        AggregatorKeys::aggregator_creds(keys),
        AggregatorKeys::system_creds(keys),
    ] {
        if user_of(&own)? == key {
            bail!(
                "{} is the credential that this command itself uses: make a new one first with `aggregator bus renew`",
                own.display()
            );
        }
    }
    let link = Link::open(&link).await?;
    let mut entry = intent(link.journal.now(), "revoke", None);
    entry.detail = Some(format!("the credential {key}"));
    let act = link.issuer.revoke_key(&key, expires_at);
    record(&link.journal, entry, act).await??;
    tracing::info!(public_key = %key, "credential revoked");
    Ok(())
}

/// The first line of what is done at the command line.
pub(crate) fn intent(time: Timestamp, verb: &str, cluster: Option<&ClusterName>) -> Entry {
    Entry {
        time,
        user: USER.to_owned(),
        address: None,
        verb: verb.to_owned(),
        target: cluster.map(Target::cluster),
        operation_id: None,
        reason: None,
        run_id: None,
        outcome: Outcome::Pending,
        detail: None,
        request_id: None,
        refused: None,
    }
}

/// Does it between its intent and its outcome, which are both written when this returns.
pub(crate) async fn record<T, E: Display>(
    journal: &Journal,
    entry: Entry,
    act: impl Future<Output = Result<T, E>>,
) -> Result<Result<T, E>, AuditError> {
    let done = journal.record(journal.new_id(), entry, act).await;
    journal.finish().await;
    done
}
