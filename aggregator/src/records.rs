//! Records in JetStream that cannot be read. Readers of a bucket skip them; here they are found, logged once, counted, and
//! raised as a condition that names the command which lists and deletes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tracing::{info, warn};

use diagnostics::{AggregatorConditionType, Conditions};
use storage::{RecordError, shown};

mod check;
mod scan;

use scan::AUDITS;
pub use scan::{BadRecord, Source, find, watch};

/// Records that are remembered by name, of all buckets together: somebody may fill one with junk.
const REMEMBERED: usize = 1000;

/// Records that the condition names; all of them are in the log.
const NAMED: usize = 3;

/// Every record that cannot be read now. Clones share it.
#[derive(Debug, Clone)]
pub struct UnreadableRecords(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    records: Mutex<Records>,
    counts: Family<BucketLabel, Gauge>,
    conditions: Conditions,
}

type Records = BTreeMap<(&'static str, String), RecordError>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BucketLabel {
    bucket: &'static str,
}

impl UnreadableRecords {
    /// None yet.
    #[must_use]
    pub fn new(conditions: Conditions) -> Self {
        let counts = Family::default();
        for bucket in scan::buckets() {
            drop(counts.get_or_create(&BucketLabel { bucket }));
        }
        Self(Arc::new(Shared {
            records: Mutex::default(),
            counts,
            conditions,
        }))
    }

    /// Puts the counts into `GET /metrics`.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Records in JetStream that cannot be read and are skipped, by bucket";
        registry.register("unreadable_records", help, self.0.counts.clone());
    }

    /// This record cannot be read.
    fn add(&self, bucket: &'static str, key: &str, error: RecordError) {
        let mut records = self.records();
        let id = (bucket, key.to_owned());
        let known = records.get(&id) == Some(&error);
        if known || (records.len() >= REMEMBERED && !records.contains_key(&id)) {
            return;
        }
        let record = shown(bucket, key);
        warn!(
            bucket, key = %key.escape_debug(), %error,
            "a record cannot be read and is skipped; {}", repair(bucket, &record)
        );
        records.insert(id, error);
        self.publish(bucket, &records);
    }

    /// This record can be read, or is gone.
    fn remove(&self, bucket: &'static str, key: &str) {
        let mut records = self.records();
        if records.remove(&(bucket, key.to_owned())).is_some() {
            info!(bucket, key = %key.escape_debug(), "a record that could not be read was deleted or replaced");
            self.publish(bucket, &records);
        }
    }

    /// The whole bucket was read, and only these cannot be.
    fn retain(&self, bucket: &'static str, keys: &BTreeSet<String>) {
        let mut records = self.records();
        records.retain(|(of, key), _| *of != bucket || keys.contains(key));
        self.publish(bucket, &records);
    }

    fn publish(&self, bucket: &'static str, records: &Records) {
        let count = records.keys().filter(|(of, _)| *of == bucket).count();
        let gauge = self.0.counts.get_or_create(&BucketLabel { bucket });
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        let kind = AggregatorConditionType::RecordsUnreadable;
        match message(records) {
            Some(message) => self.0.conditions.raise(kind, message),
            None => self.0.conditions.clear(kind),
        }
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.records.lock()
    }
}

/// How a record that cannot be read is mended.
fn repair(bucket: &str, record: &str) -> String {
    match AUDITS.contains(&bucket) {
        true => "lines of the audit are never deleted one by one, so it stays".to_owned(),
        false => format!("delete it with `aggregator bus records --delete {record}`"),
    }
}

fn message(records: &Records) -> Option<String> {
    // Those of the audit last: nothing can be done about them.
    let of = |is_audit| {
        let of = move |((bucket, _), _): &(&(&str, String), _)| AUDITS.contains(bucket) == is_audit;
        records.iter().filter(of)
    };
    let mut all = of(false).chain(of(true)).peekable();
    let ((bucket, key), _) = *all.peek()?;
    let named = all.take(NAMED);
    let named = named.map(|((bucket, key), error)| format!("{} ({error})", shown(bucket, key)));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match records.len() {
        REMEMBERED.. => " and many more".to_owned(),
        count if count > NAMED => format!(" and {} more", count - NAMED),
        _ => String::new(),
    };
    let repair = repair(bucket, &shown(bucket, key));
    Some(format!(
        "records in JetStream cannot be read and are skipped: {named}{more}; `aggregator bus records` lists them; for the first: {repair}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error() -> RecordError {
        RecordError::KeyInvalid("a cluster's name")
    }

    fn raised(conditions: &Conditions) -> Option<String> {
        let condition = conditions.list().into_iter().next();
        condition.map(|condition| condition.message)
    }

    #[test]
    fn a_condition_names_what_cannot_be_read_until_it_can() {
        let conditions = Conditions::default();
        let unreadable = UnreadableRecords::new(conditions.clone());
        for key in ["a", "b", "c", "d"] {
            unreadable.add("clusters", key, error());
        }
        let message = raised(&conditions).unwrap();
        for part in [
            "clusters/a",
            "clusters/c",
            "1 more",
            "bus records --delete clusters/a",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
        unreadable.remove("clusters", "a");
        assert!(raised(&conditions).unwrap().contains("--delete clusters/b"));
        unreadable.retain("clusters", &BTreeSet::from(["d".to_owned()]));
        assert!(!raised(&conditions).unwrap().contains("clusters/b"));
        unreadable.retain("sessions", &BTreeSet::new());
        unreadable.remove("clusters", "d");
        assert_eq!(raised(&conditions), None);
    }

    #[test]
    fn a_bucket_full_of_junk_takes_bounded_memory() {
        let unreadable = UnreadableRecords::new(Conditions::default());
        for number in 0..2 * REMEMBERED {
            unreadable.add("clusters", &number.to_string(), error());
        }
        assert_eq!(unreadable.records().len(), REMEMBERED);
    }
}
