//! A cluster's list as it is received, page by page: the agent's JSON, compressed and stored as it is.

use bus_schema::Page;
use bus_schema::verb::WorkloadSummary;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

/// The maximum size of a cluster's stored list in bytes of JSON: some 30,000 workloads.
pub(super) const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Fast, and compresses to a tenth.
const LEVEL: i32 = 3;

/// A list that is being read.
#[derive(Debug)]
pub struct List {
    pages: Vec<Bytes>,
    bytes: usize,
    facts: Facts,
}

/// The properties of a complete list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub as_of: Timestamp,
    pub workloads: u64,
    pub truncated: bool,
}

/// A page is invalid.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It cannot be parsed.
    #[error("the page cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// It announces more pages, but its cursor makes no progress.
    #[error("the cursor of a page makes no progress")]
    Endless,
    /// The list could not be compressed.
    #[error("the list cannot be packed")]
    NotPacked(#[source] std::io::Error),
}

impl List {
    /// Starts a list now.
    #[must_use]
    pub fn begun(now: Timestamp) -> Self {
        let facts = Facts {
            as_of: now,
            workloads: 0,
            truncated: false,
        };
        Self {
            pages: Vec::new(),
            bytes: 0,
            facts,
        }
    }

    /// Adds the next page; returns the cursor of the following page if there is one and it still fits.
    ///
    /// # Errors
    /// See [`ListError`]. Such a list must not be stored.
    pub fn add(&mut self, page: Bytes, now: Timestamp) -> Result<Option<String>, ListError> {
        if self.bytes + page.len() > MOST_BYTES {
            self.facts.truncated = true;
            return Ok(None);
        }
        let read: Page<WorkloadSummary> =
            serde_json::from_slice(&page).map_err(ListError::Unreadable)?;
        if read.items.is_empty() && read.next.is_some() {
            return Err(ListError::Endless);
        }
        self.bytes += page.len();
        self.pages.push(page);
        self.facts.workloads += read.items.len() as u64;
        // An agent that has lost its API server sends the last state that it has seen.
        let stale = read.stale_seconds.and_then(|age| i64::try_from(age).ok());
        if let Some(said) =
            stale.and_then(|age| now.checked_sub(SignedDuration::from_secs(age)).ok())
        {
            self.facts.as_of = self.facts.as_of.min(said);
        }
        Ok(read.next)
    }

    pub(super) async fn pack(self) -> Result<(Vec<u8>, Facts), ListError> {
        let pages = self.pages;
        let pack = move || zstd::bulk::compress(&pages.concat(), LEVEL);
        let packed = tokio::task::spawn_blocking(pack).await;
        let packed = packed.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        Ok((packed.map_err(ListError::NotPacked)?, self.facts))
    }
}
