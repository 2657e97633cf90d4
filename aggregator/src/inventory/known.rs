//! The deployments of a cluster as they were last known. Whether they are still so is not known, and so is their health.

use std::io::Read as _;

use bus_schema::verb::DeploymentSummary;
use bus_schema::{Health, Listed, Page};
use jiff::Timestamp;

use super::list::MOST_BYTES;

/// The base-2 logarithm of the most memory that unpacking may take beside the list itself.
const WINDOW_LOG: u32 = 24;

/// A cluster's list, unpacked.
#[derive(Debug)]
pub struct LastKnown {
    deployments: Vec<Kept>,
    bytes: usize,
}

/// One deployment.
#[derive(Debug)]
pub struct Kept {
    /// As it was last known.
    pub summary: DeploymentSummary,
    bytes: usize,
}

/// What is kept is no list.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is not what was packed.
    #[error("it cannot be unpacked: {0}")]
    NotUnpacked(#[from] std::io::Error),
    /// It is larger than any list that is kept.
    #[error("it is larger than any")]
    TooLarge,
    /// It is not what an agent says.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Deployments are missing, or there are some too many.
    #[error("it has {found} deployments and should have {expected}")]
    WrongNumber {
        /// How many it has.
        found: usize,
        /// How many the manifest says.
        expected: u64,
    },
}

impl LastKnown {
    /// Unpacks a list that should have so many deployments, beside what else goes on.
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
        let pages: Vec<Page<DeploymentSummary>> = pages.collect::<Result<_, _>>()?;
        let mut summaries: Vec<_> = pages.into_iter().flat_map(|page| page.items).collect();
        if summaries.len() as u64 != expected {
            let found = summaries.len();
            return Err(UnpackError::WrongNumber { found, expected });
        }
        // Between two pages one may have moved; a list that has one twice would show it twice.
        let name = |s: &DeploymentSummary| (s.namespace.clone(), s.deployment_name.clone());
        summaries.sort_by_cached_key(name);
        summaries.dedup_by(|b, a| {
            (&a.namespace, &a.deployment_name) == (&b.namespace, &b.deployment_name)
        });
        let bytes = json.len() / summaries.len().max(1);
        let kept = |summary| Kept { summary, bytes };
        Ok(Self {
            deployments: summaries.into_iter().map(kept).collect(),
            bytes: json.len(),
        })
    }

    /// Each deployment with its namespace and name, by namespace.
    pub fn deployments(&self) -> impl Iterator<Item = ((&str, &str), &Kept)> {
        self.deployments.iter().map(|kept| {
            let DeploymentSummary {
                namespace,
                deployment_name,
                ..
            } = &kept.summary;
            ((namespace.as_str(), deployment_name.as_str()), kept)
        })
    }

    /// The bytes of its JSON.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Listed for Kept {
    fn health(&self) -> Health {
        Health::Unknown
    }

    fn images(&self) -> impl Iterator<Item = &str> {
        self.summary.images.iter().map(String::as_str)
    }

    fn created_at(&self) -> Option<Timestamp> {
        self.summary.created_at
    }

    fn restarted_at(&self) -> Option<Timestamp> {
        self.summary.restarted_at
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.summary.labels.get(key).map(String::as_str)
    }

    /// One is taken for as large as another.
    fn bytes(&self) -> usize {
        self.bytes
    }
}
