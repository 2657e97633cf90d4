//! A cluster's list as it comes, page by page: the agent's own words, packed and stored as they are.

use bus_schema::Page;
use bus_schema::verb::DeploymentSummary;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

/// The most bytes of JSON that are stored of a cluster: those of some 30,000 deployments.
pub(super) const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Fast, and makes a tenth of it.
const LEVEL: i32 = 3;

/// A list that is being read.
#[derive(Debug)]
pub struct List {
    pages: Vec<Bytes>,
    bytes: usize,
    facts: Facts,
}

/// What a list amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub as_of: Timestamp,
    pub deployments: u64,
    pub truncated: bool,
}

/// A page is none.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It cannot be read.
    #[error("the page cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// It says that there is more, and leads no further.
    #[error("a page leads no further")]
    Endless,
    /// It could not be packed.
    #[error("the list cannot be packed")]
    NotPacked(#[source] std::io::Error),
}

impl List {
    /// One that is begun now.
    #[must_use]
    pub fn begun(now: Timestamp) -> Self {
        let facts = Facts {
            as_of: now,
            deployments: 0,
            truncated: false,
        };
        Self {
            pages: Vec::new(),
            bytes: 0,
            facts,
        }
    }

    /// Takes in the next page; the cursor of the one after it, if there is one and room for it.
    ///
    /// # Errors
    /// See [`ListError`]. Such a list must not be stored.
    pub fn add(&mut self, page: Bytes, now: Timestamp) -> Result<Option<String>, ListError> {
        if self.bytes + page.len() > MOST_BYTES {
            self.facts.truncated = true;
            return Ok(None);
        }
        let read: Page<DeploymentSummary> =
            serde_json::from_slice(&page).map_err(ListError::Unreadable)?;
        if read.items.is_empty() && read.next.is_some() {
            return Err(ListError::Endless);
        }
        self.bytes += page.len();
        self.pages.push(page);
        self.facts.deployments += read.items.len() as u64;
        // An agent that is cut off from its API server says what it heard last.
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
