//! The last known workloads of a cluster. Their current state is unknown, and so is their health.

use std::io::Read as _;

use bus_schema::verb::WorkloadSummary;
use bus_schema::{Health, Page, WorkloadKind, WorkloadView};
use jiff::Timestamp;

use super::list::MOST_BYTES;

/// The base-2 logarithm of the maximum memory that decompression may take in addition to the list.
const WINDOW_LOG: u32 = 24;

/// A cluster's list, decompressed.
#[derive(Debug)]
pub struct LastKnown {
    workloads: Vec<LastKnownWorkload>,
    bytes: usize,
}

/// One workload.
#[derive(Debug)]
pub struct LastKnownWorkload {
    /// Its last known health.
    pub summary: WorkloadSummary,
    bytes: usize,
}

/// The stored data is not a list.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It cannot be decompressed.
    #[error("it cannot be unpacked: {0}")]
    NotUnpacked(#[from] std::io::Error),
    /// It exceeds the maximum size of a stored list.
    #[error("it exceeds the maximum size")]
    TooLarge,
    /// It is not a list that an agent sends.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The number of workloads does not match the manifest.
    #[error("it has {found} workloads and should have {expected}")]
    WrongNumber {
        /// The number in the list.
        found: usize,
        /// The number in the manifest.
        expected: u64,
    },
}

impl LastKnown {
    /// Decompresses a list that should have this many workloads, on a blocking thread.
    pub(super) async fn unpack(packed: Vec<u8>, expected: u64) -> Result<Self, UnpackError> {
        let unpack = move || Self::unpack_here(&packed, expected);
        let unpacked = tokio::task::spawn_blocking(unpack).await;
        unpacked.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))
    }

    fn unpack_here(packed: &[u8], expected: u64) -> Result<Self, UnpackError> {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
        decoder.window_log_max(WINDOW_LOG)?;
        let mut json = Vec::new();
        decoder.take(MOST_BYTES as u64 + 1).read_to_end(&mut json)?;
        if json.len() > MOST_BYTES {
            return Err(UnpackError::TooLarge);
        }
        let pages = serde_json::Deserializer::from_slice(&json).into_iter();
        let pages: Vec<Page<WorkloadSummary>> = pages.collect::<Result<_, _>>()?;
        let mut summaries: Vec<_> = pages.into_iter().flat_map(|page| page.items).collect();
        if summaries.len() as u64 != expected {
            let found = summaries.len();
            return Err(UnpackError::WrongNumber { found, expected });
        }
        // A workload may have moved between two pages; a duplicate in the list would be shown twice.
        let name = |s: &WorkloadSummary| (s.namespace.clone(), s.name.clone(), s.kind);
        summaries.sort_by_cached_key(name);
        summaries
            .dedup_by(|b, a| (&a.namespace, &a.name, a.kind) == (&b.namespace, &b.name, b.kind));
        let bytes = json.len() / summaries.len().max(1);
        let known = |summary| LastKnownWorkload { summary, bytes };
        Ok(Self {
            workloads: summaries.into_iter().map(known).collect(),
            bytes: json.len(),
        })
    }

    /// Each workload with its namespace and name, by namespace.
    pub fn workloads(&self) -> impl Iterator<Item = ((&str, &str), &LastKnownWorkload)> {
        self.workloads.iter().map(|known| {
            let WorkloadSummary {
                namespace, name, ..
            } = &known.summary;
            ((namespace.as_str(), name.as_str()), known)
        })
    }

    #[cfg(test)]
    pub(super) fn of_bytes(bytes: usize) -> Self {
        Self {
            workloads: Vec::new(),
            bytes,
        }
    }

    /// Its size in bytes of JSON.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl<'a> WorkloadView<'a> for &'a LastKnownWorkload {
    fn health(self) -> Health {
        Health::Unknown
    }

    fn images(self) -> impl Iterator<Item = &'a str> {
        self.summary.images.iter().map(String::as_str)
    }

    fn kind(self) -> WorkloadKind {
        self.summary.kind
    }

    fn created_at(self) -> Option<Timestamp> {
        self.summary.created_at
    }

    fn restarted_at(self) -> Option<Timestamp> {
        self.summary.restarted_at
    }

    fn label(self, key: &str) -> Option<&'a str> {
        self.summary.labels.get(key).map(String::as_str)
    }

    /// An average: all workloads of a list count as equally large.
    fn bytes(self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{List, ListError};
    use bytes::Bytes;
    use serde_json::json;

    fn page(names: &[&str], next: Option<&str>, stale_seconds: Option<u64>) -> Bytes {
        let item = |name: &&str| {
            json!({"namespace": "pay", "kind": "Deployment", "name": name, "replicas": 1, "ready": 1, "updated": 1, "available": 1,
                "images": ["web:1"], "health": "healthy", "newer": "field"})
        };
        let items: Vec<_> = names.iter().map(item).collect();
        let page = json!({"items": items, "continue": next, "stale_seconds": stale_seconds});
        page.to_string().into()
    }

    #[tokio::test]
    async fn a_list_comes_back_as_it_was_and_its_health_is_not_known_any_more() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        let mut list = List::begun(now);
        let next = list
            .add(page(&["b", "c"], Some("pay/c"), None), now)
            .unwrap();
        assert_eq!(next.as_deref(), Some("pay/c"));
        // Including one that was also on the previous page.
        assert_eq!(
            list.add(page(&["c", "a"], None, Some(60)), now).unwrap(),
            None
        );
        let (packed, facts) = list.pack().await.unwrap();
        assert_eq!((facts.workloads, facts.truncated), (4, false));
        assert_eq!(facts.as_of.to_string(), "2026-01-01T00:00:00Z");
        let known = LastKnown::unpack(packed.clone(), 4).await.unwrap();
        let names: Vec<_> = known.workloads().map(|(name, _)| name).collect();
        assert_eq!(names, [("pay", "a"), ("pay", "b"), ("pay", "c")]);
        for (_, workload) in known.workloads() {
            assert_eq!(
                (workload.health(), workload.summary.health),
                (Health::Unknown, Health::Healthy)
            );
            assert!(workload.images().eq(["web:1"]) && workload.bytes() > 0);
        }
        let wrong = LastKnown::unpack(packed, 3).await.unwrap_err();
        assert!(
            matches!(
                wrong,
                UnpackError::WrongNumber {
                    found: 4,
                    expected: 3
                }
            ),
            "{wrong}"
        );
    }

    #[test]
    fn invalid_pages_are_refused_and_excess_deployments_left_out() {
        let now = Timestamp::now();
        let mut list = List::begun(now);
        let endless = list.add(page(&[], Some("pay/a"), None), now);
        assert!(matches!(endless, Err(ListError::Endless)), "{endless:?}");
        let none = list.add(Bytes::from_static(b"{\"items\":[7]}"), now);
        assert!(matches!(none, Err(ListError::Unreadable(_))), "{none:?}");
        let mut padded = page(&["a"], Some("pay/a"), None).to_vec();
        padded.resize(1024 * 1024, b' ');
        let padded = Bytes::from(padded);
        for _ in 0..MOST_BYTES / padded.len() {
            assert!(list.add(padded.clone(), now).unwrap().is_some());
        }
        assert_eq!(list.add(padded, now).unwrap(), None);
        assert!(format!("{list:?}").contains("truncated: true"));
    }
}
