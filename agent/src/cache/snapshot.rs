//! The fields of all workloads that fleet queries need, contiguous in memory. A fleet query reads every workload: in the index,
//! where names, images and entries are scattered over the heap, it would spend most of its time waiting for memory.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bus_schema::{Health, WorkloadKind, WorkloadView};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::Index;
use super::workloads::{Entry, split};

/// All workloads at one point in time, in the order of their keys.
#[derive(Debug, Default)]
pub struct Snapshot {
    rows: Vec<Row>,
    /// Their names, concatenated; each namespace once, before its workloads.
    names: String,
    /// Their images, deduplicated.
    images: Vec<Box<str>>,
    /// Their images, as indices.
    used: Vec<u32>,
}

#[derive(Debug)]
struct Row {
    namespace: Range<u32>,
    name: Range<u32>,
    used: Range<u32>,
    kind: WorkloadKind,
    health: Health,
    created_at: Option<Timestamp>,
    restarted_at: Option<Timestamp>,
    entry: Arc<Entry>,
}

/// A workload of a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    of: &'a Snapshot,
    row: &'a Row,
}

/// The newest snapshot and the version of the index that it was made from.
#[derive(Default)]
pub struct Newest(Mutex<Option<(u64, Arc<Snapshot>)>>);

impl Newest {
    /// The workloads as they are now.
    pub fn of(&self, workloads: &Index<Entry>) -> Arc<Snapshot> {
        let mut newest = self.0.lock();
        // Changes from here on have a newer version, so this snapshot is never mistaken for a newer one.
        let version = workloads.version();
        if let Some((of, snapshot)) = &*newest
            && *of == version
        {
            return snapshot.clone();
        }
        let snapshot = Arc::new(workloads.walk(None, |entries| Snapshot::of(entries)));
        *newest = Some((version, snapshot.clone()));
        snapshot
    }
}

impl Snapshot {
    /// Builds a snapshot of workloads ordered by key, so that those of a namespace are adjacent.
    fn of<'a>(entries: impl Iterator<Item = (&'a str, &'a Arc<Entry>)>) -> Self {
        let (mut snapshot, mut numbers) = (Self::default(), HashMap::new());
        let mut last = ("", 0..0);
        for (key, entry) in entries {
            let (namespace, name, _) = split(key);
            if last.0 != namespace {
                last = (namespace, snapshot.write(namespace));
            }
            let first = snapshot.used.len();
            for image in &entry.images {
                let images = &mut snapshot.images;
                let number = *numbers.entry(&**image).or_insert_with(|| {
                    images.push(image.clone());
                    images.len() - 1
                });
                snapshot.used.push(small(number));
            }
            let row = Row {
                namespace: last.1.clone(),
                name: snapshot.write(name),
                used: small(first)..small(snapshot.used.len()),
                kind: entry.kind,
                health: entry.health,
                created_at: entry.created_at,
                restarted_at: entry.restarted_at,
                entry: entry.clone(),
            };
            snapshot.rows.push(row);
        }
        snapshot
    }

    /// Returns its range.
    fn write(&mut self, name: &str) -> Range<u32> {
        let start = self.names.len();
        self.names.push_str(name);
        small(start)..small(self.names.len())
    }

    /// All workloads, each with its namespace and name.
    pub fn lines(&self) -> impl Iterator<Item = ((&str, &str), Line<'_>)> {
        self.rows.iter().map(|row| {
            let names = (self.text(&row.namespace), self.text(&row.name));
            (names, Line { of: self, row })
        })
    }

    fn text(&self, range: &Range<u32>) -> &str {
        &self.names[wide(range)]
    }
}

impl Line<'_> {
    /// Its cache entry.
    pub fn entry(self) -> Arc<Entry> {
        self.row.entry.clone()
    }
}

impl<'a> WorkloadView<'a> for Line<'a> {
    fn health(self) -> Health {
        self.row.health
    }

    fn images(self) -> impl Iterator<Item = &'a str> {
        let used = &self.of.used[wide(&self.row.used)];
        used.iter()
            .map(move |number| &*self.of.images[*number as usize])
    }

    fn kind(self) -> WorkloadKind {
        self.row.kind
    }

    fn created_at(self) -> Option<Timestamp> {
        self.row.created_at
    }

    fn restarted_at(self) -> Option<Timestamp> {
        self.row.restarted_at
    }

    fn label(self, key: &str) -> Option<&'a str> {
        (&*self.row.entry).label(key)
    }

    fn bytes(self) -> usize {
        (&*self.row.entry).bytes()
    }
}

/// No cluster comes near this: four billion bytes of names and images would not fit into etcd.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn wide(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

#[cfg(test)]
mod tests {
    use super::super::workloads::to_entry;
    use super::*;
    use crate::kubernetes::WorkloadObject;
    use serde_json::json;

    fn put(index: &Index<Entry>, namespace: &str, name: &str, images: &[&str]) {
        let container = |image: &&str| json!({"name": "c", "image": image});
        let containers: Vec<_> = images.iter().map(container).collect();
        let workload = json!({
            "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
            "spec": {"selector": {}, "template": {"spec": {"containers": containers}}}
        });
        let received = serde_json::from_value(workload).unwrap();
        let workload = WorkloadObject::new(WorkloadKind::Deployment, received);
        let (key, entry) = to_entry(&workload).unwrap();
        index.insert(key, entry);
    }

    fn seen(snapshot: &Snapshot) -> Vec<String> {
        let line = |((namespace, name), line): ((&str, &str), Line<'_>)| {
            let images: Vec<_> = line.images().collect();
            let label = line.label("app").unwrap_or_default();
            assert_eq!(line.bytes(), (&*line.entry()).bytes());
            format!("{namespace}/{name} {} {label}", images.join(" "))
        };
        snapshot.lines().map(line).collect()
    }

    #[test]
    fn it_shows_each_deployment_with_what_is_its_own() {
        let (index, newest) = (Index::default(), Newest::default());
        assert!(seen(&newest.of(&index)).is_empty());
        put(&index, "shop", "cart", &["web:1", "log:2"]);
        put(&index, "pay", "cart", &["web:1"]);
        put(&index, "shop", "api", &[]);
        let expected = [
            "pay/cart web:1 cart",
            "shop/api  api",
            "shop/cart web:1 log:2 cart",
        ];
        assert_eq!(seen(&newest.of(&index)), expected);
    }

    #[test]
    fn it_is_made_anew_when_something_has_changed_and_only_then() {
        let (index, newest) = (Index::default(), Newest::default());
        put(&index, "shop", "cart", &["web:1"]);
        let first = newest.of(&index);
        assert!(Arc::ptr_eq(&first, &newest.of(&index)));
        put(&index, "shop", "cart", &["web:2"]);
        assert_eq!(seen(&newest.of(&index)), ["shop/cart web:2 cart"]);
        assert_eq!(seen(&first), ["shop/cart web:1 cart"]);
        index.remove("shop\0cart\0a");
        assert!(seen(&newest.of(&index)).is_empty());
        put(&index, "shop", "cart", &["web:3"]);
        newest.of(&index);
        index.replace(|_| true, Default::default());
        assert!(seen(&newest.of(&index)).is_empty());
    }
}
