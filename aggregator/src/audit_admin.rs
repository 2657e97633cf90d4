//! `aggregator audit export`: old lines of the audit as a file, and then, with a credential that may, out of the stream. It works when
//! the audit is full, too.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use async_nats::datetime::DateTime;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::push::OrderedConfig;
use async_nats::jetstream::stream::{PurgeResponse, Stream};
use async_nats::jetstream::{self, Context};
use bus_keys::streams::AUDIT;
use bus_schema::OperationId;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::args::AuditExport;
use crate::cluster_admin::{intent, wait_for};
use audit::{Audit, Entry, Outcome};
use storage::bus::{Bus, BusClock};

/// Who settles operations forgets them after a week; an older one stays as it is.
const SETTLED_WITHIN: SignedDuration = SignedDuration::from_hours(8 * 24);

/// What was written to the file.
#[derive(Debug)]
struct Exported {
    lines: u64,
    /// The first line that was not.
    end: u64,
    /// Operations without an outcome so far, and where each begins.
    open: BTreeMap<OperationId, Begun>,
}

#[derive(Debug)]
struct Begun {
    sequence: u64,
    at: Timestamp,
}

/// `aggregator audit export`
///
/// # Errors
/// When the bus is unreachable, the file exists already, or the credential may not do it.
pub async fn export(args: AuditExport) -> Result<()> {
    let servers = args.bus.servers()?;
    let bus = Bus::connect(&servers, Some(&args.nats_creds)).await?;
    wait_for(|| bus.is_up(), &args.bus.nats_url, &args.nats_creds).await?;
    let jetstream = jetstream::new(bus.client().clone());
    let stream = jetstream.get_stream(AUDIT.name).await;
    let stream = stream.context("the stream AUDIT cannot be read with this credential")?;
    let settings = &stream.cached_info().config;
    ensure!(
        !(args.purge && settings.deny_purge),
        "--purge: the stream AUDIT was created with deny_purge, which cannot be changed; nats/README.md describes how to create it again"
    );
    let clock = BusClock::default();
    clock.compare(&bus).await;
    let audit = Audit::open(&jetstream, settings.num_replicas, clock.clone()).await?;
    let exported = write(&args.out, &jetstream, &stream, args.before).await?;
    info!(lines = exported.lines, file = %args.out.display(), "exported");
    if args.purge {
        purge(&audit, &stream, exported, &args, clock.now()).await?;
    }
    Ok(())
}

async fn write(
    path: &Path,
    jetstream: &Context,
    stream: &Stream,
    before: Timestamp,
) -> Result<Exported> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    let file = options.open(path);
    let file = file.with_context(|| format!("--out: cannot create {}", path.display()))?;
    let written = copy(BufWriter::new(&file), jetstream, stream, before).await;
    let written = written.and_then(|exported| {
        // On the disk before anything is purged.
        file.sync_all()?;
        Ok(exported)
    });
    if written.is_err() {
        // Half of it would look like all of it.
        drop(std::fs::remove_file(path));
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

async fn copy(
    mut out: impl Write,
    jetstream: &Context,
    stream: &Stream,
    before: Timestamp,
) -> Result<Exported> {
    let first = stream.cached_info().state.first_sequence.max(1);
    let consumer = stream.create_consumer(OrderedConfig {
        deliver_subject: jetstream.client().new_inbox(),
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: first,
        },
        ..OrderedConfig::default()
    });
    let consumer = consumer.await?;
    let mut pending = consumer.cached_info().num_pending;
    let mut messages = consumer.messages().await?;
    let mut exported = Exported {
        lines: 0,
        end: first,
        open: BTreeMap::new(),
    };
    while pending > 0 {
        let message = messages
            .next()
            .await
            .context("the audit ended before the last line was read")??;
        let (sequence, at) = match message.info() {
            Ok(info) => {
                pending = info.pending;
                (info.stream_sequence, timestamp(info.published)?)
            }
            Err(error) => bail!("a line of the audit has no number: {error}"),
        };
        if at >= before {
            break;
        }
        let line =
            json!({"sequence": sequence, "stored_at": at, "line": json_of(&message.payload)});
        writeln!(out, "{line}")?;
        exported.lines += 1;
        exported.end = sequence + 1;
        if let Ok(entry) = serde_json::from_slice(&message.payload) {
            exported.note(&entry, Begun { sequence, at });
        }
    }
    out.flush()?;
    Ok(exported)
}

/// A line that is no JSON stays as text.
fn json_of(payload: &[u8]) -> Value {
    serde_json::from_slice(payload)
        .unwrap_or_else(|_| String::from_utf8_lossy(payload).into_owned().into())
}

fn timestamp(time: DateTime) -> Result<Timestamp> {
    Ok(Timestamp::from_nanosecond(time.unix_timestamp_nanos())?)
}

impl Exported {
    fn note(&mut self, entry: &Entry, begun: Begun) {
        let Some(operation) = &entry.operation_id else {
            return;
        };
        if entry.outcome.is_settled() {
            self.open.remove(operation);
        } else {
            self.open.entry(operation.clone()).or_insert(begun);
        }
    }

    /// The line up to which the stream may be purged: all that was exported, but nothing of an operation that may still be settled and of
    /// nothing after it.
    async fn purgeable(&self, audit: &Audit, now: Timestamp) -> Result<u64> {
        let mut end = self.end;
        for (operation, begun) in &self.open {
            if begun.sequence >= end || now.duration_since(begun.at) > SETTLED_WITHIN {
                continue;
            }
            let newest = audit.newest(operation).await?;
            let entry = newest.and_then(|(_, entry)| entry);
            if !entry.is_some_and(|entry| entry.outcome.is_settled()) {
                warn!(%operation, sequence = begun.sequence, "this operation has no outcome yet: lines from here on are not purged");
                end = begun.sequence;
            }
        }
        Ok(end)
    }
}

async fn purge(
    audit: &Audit,
    stream: &Stream,
    exported: Exported,
    args: &AuditExport,
    now: Timestamp,
) -> Result<()> {
    let end = exported.purgeable(audit, now).await?;
    let id = OperationId::at(now, rand::random());
    let mut entry = intent(now, "purge-audit", None);
    entry.operation_id = Some(id.clone());
    entry.detail = Some(format!("the lines before {end}, which were exported"));
    // A full audit accepts no line before it has space again.
    let intended = audit.intend(&id, &entry).await;
    let purged: Result<PurgeResponse, _> = stream.purge().sequence(end).await;
    let last = match intended {
        Ok(last) => last,
        Err(_) if purged.is_ok() => audit.intend(&id, &entry).await?,
        Err(error) => return Err(error.into()),
    };
    entry.outcome = match &purged {
        Ok(_) => Outcome::Succeeded,
        Err(_) => Outcome::Failed,
    };
    audit.append(&id, &entry, last).await?;
    let PurgeResponse { purged, .. } = purged.with_context(|| {
        format!("--purge: nothing was purged with {}: use the credential of an administrator (`aggregator bus creds --admin`)", args.nats_creds.display())
    })?;
    info!(lines = purged, "purged");
    Ok(())
}
