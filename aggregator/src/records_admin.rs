//! `aggregator bus records`: the records in JetStream that cannot be read, and how one of them is deleted. Audited.

use anyhow::{Context as _, Result, anyhow, bail};
use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;

use crate::args::BusRecords;
use crate::cluster_admin::{Link, intent, record as record_act, say};
use crate::records::{self, BadRecord, Source};
use enrolment::emptied_credentials;
use storage::MARKERS_LAST;
use storage::shown;

/// `aggregator bus records`
///
/// # Errors
/// When the bus is unreachable, or the record to delete is not among those that cannot be read.
pub async fn records(args: BusRecords) -> Result<()> {
    let link = Link::open(&args.link).await?;
    match args.delete {
        Some(record) => delete(&link, &record).await,
        None => list(&link).await,
    }
}

async fn list(link: &Link) -> Result<()> {
    let mut is_empty = true;
    for source in Source::all() {
        for BadRecord { key, error, .. } in find(link, source).await? {
            say(&format!("{}: {error}\n", shown(source.name(), &key)))?;
            is_empty = false;
        }
    }
    match is_empty {
        true => say("every record can be read\n"),
        false => Ok(()),
    }
}

async fn delete(link: &Link, record: &str) -> Result<()> {
    let (bucket, key) = record
        .split_once('/')
        .context("--delete: write BUCKET/KEY, as `aggregator bus records` lists it")?;
    let source = Source::all()
        .find(|source| source.name() == bucket)
        .with_context(|| format!("--delete: there is no bucket {bucket}"))?;
    if source.is_audit() {
        bail!("--delete: lines of the audit cannot be deleted");
    }
    let found = find(link, source).await?;
    let bad = found.into_iter().find(|bad| bad.key == key);
    let bad = bad.with_context(|| {
        format!("--delete: {record} does not exist or can be read, so it was not deleted")
    })?;
    let mut entry = intent(link.journal.now(), "delete-record", None);
    entry.detail = Some(format!("{record}: {}", bad.error));
    let act = purge(&link.jetstream, bucket, &bad);
    record_act(&link.journal, entry, act).await??;
    tracing::info!(bucket, key, "deleted");
    Ok(())
}

async fn find(link: &Link, source: Source) -> Result<Vec<BadRecord>> {
    let found = records::find(&link.jetstream, source).await;
    found.map_err(|error| anyhow!("the bucket {} cannot be read: {error}", source.name()))
}

/// As the client's own purge does, which refuses keys that are none of its own.
async fn purge(jetstream: &Context, bucket: &str, bad: &BadRecord) -> Result<()> {
    let emptied = match bucket {
        "credentials" => emptied_credentials(&bad.key),
        _ => None,
    };
    let message = PublishMessage::build()
        .header("Nats-Rollup", "sub")
        .expected_last_subject_sequence(bad.sequence);
    let message = match emptied {
        Some(json) => message.payload(json.into()),
        None => message.header("KV-Operation", "PURGE").ttl(MARKERS_LAST),
    };
    let subject = format!("$KV.{bucket}.{}", bad.key);
    jetstream.send_publish(subject, message).await?.await?;
    Ok(())
}
