//! A followed log: the agent sends chunks, the reader grants credit, which is the backpressure of a slow reader.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ContainerName, PodName};

/// One line of one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// The pod that wrote it.
    pub pod: PodName,
    /// The container that wrote it.
    pub container: ContainerName,
    /// When the container runtime recorded it, as the API server reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The line without its line break; at most 16 KiB, cut at a character boundary.
    pub text: String,
    /// The line was longer and has been cut.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// A container of a log, and its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogContainer {
    /// The pod.
    pub pod: PodName,
    /// The container.
    pub container: ContainerName,
    /// Its status as kubectl shows it: `Running`, `CrashLoopBackOff`, `Completed` and so on. While a container waits for its restart,
    /// its lines are those of its last run.
    pub status: String,
    /// How often it has been restarted.
    #[serde(default)]
    pub restarts: u32,
    /// Why its log cannot be read, as the API server reports it; the lines of the other containers are not affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Its pod is gone, and no more lines will come from it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gone: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

/// Published on `agent.<name>.stream.<id>`, but not before the first credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogChunk {
    /// Counts the chunks of this stream from 1, so that a lost chunk is detected.
    pub sequence: u64,
    /// The lines, in order within each container.
    #[serde(default)]
    pub lines: Vec<LogLine>,
    /// The containers that have changed since the last chunk; in the first chunk all followed ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<LogContainer>,
    /// The number of lines dropped since the last chunk because the reader was too slow.
    #[serde(default)]
    pub dropped: u64,
    /// The number of containers that are not followed at present: an agent follows at most 64 of one log and 128 of all logs. The rest
    /// are followed when others have ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_followed: u32,
    /// Present in the last chunk only: why the stream ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<StreamEnd>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl LogChunk {
    /// The maximum size of a chunk, in bytes of JSON: more than one line of 16 kB with every character escaped.
    pub const MAX_BYTES: usize = 128 * 1024;
}

/// Why a followed log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum StreamEnd {
    /// The reader closed it.
    Closed,
    /// The reader granted no credit for [`crate::timing::CREDIT_LEASE`], or no first credit within
    /// [`crate::timing::FIRST_CREDIT_WITHIN`].
    Idle,
    /// The agent is shutting down.
    Leaving,
    /// The deployment is gone.
    Gone,
    /// The API server failed for too long, or a reason that this version does not know.
    #[serde(other)]
    Failed,
}

/// Published by the reader on `cluster.<name>.credit.<id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCredit {
    /// How many more lines the reader accepts.
    #[serde(default)]
    pub lines: u32,
    /// Ends the stream.
    #[serde(default)]
    pub close: bool,
}
