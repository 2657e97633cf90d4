//! A followed log: chunks one way, credit the other.

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
    /// When the container runtime took it, as the API server reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The line without its end; at most 16 KiB, cut at a character's edge.
    pub text: String,
    /// The line was longer, and its end is left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// A container of a log, and how it is with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogContainer {
    /// The pod.
    pub pod: PodName,
    /// The container.
    pub container: ContainerName,
    /// What it does, in kubectl's word: `Running`, `CrashLoopBackOff`, `Completed` and so on. While a container waits to be started
    /// again, its lines are those of its last run.
    pub status: String,
    /// How often it has been started again.
    #[serde(default)]
    pub restarts: u32,
    /// Why its log cannot be read, in the API server's words; the others' lines stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Its pod is gone, and nothing more will come from it.
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

/// What flows on `agent.<name>.stream.<id>`. Nothing flows before the first credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogChunk {
    /// Counts the chunks of this stream from 1, so that a lost one is seen.
    pub sequence: u64,
    /// The lines, in order within each container.
    #[serde(default)]
    pub lines: Vec<LogLine>,
    /// The containers that have changed since the last chunk: at first all that are followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<LogContainer>,
    /// Lines that were dropped since the last chunk because the reader was too slow.
    #[serde(default)]
    pub dropped: u64,
    /// Containers that are not followed at present: an agent follows 64 of one log and 128 of all logs. They are followed when others
    /// have ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_followed: u32,
    /// Present in the last chunk: why the stream ends.
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
    /// The most that a chunk takes on the bus, in bytes of JSON: more than one line of 16 kB with every character of it escaped.
    pub const MAX_BYTES: usize = 128 * 1024;
}

/// Why a followed log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum StreamEnd {
    /// The reader closed it.
    Closed,
    /// The reader granted no credit for [`crate::timing::CREDIT_LEASE`], or none at all within
    /// [`crate::timing::FIRST_CREDIT_WITHIN`].
    Idle,
    /// The agent is leaving.
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
    /// How many more lines the reader takes.
    #[serde(default)]
    pub lines: u32,
    /// Ends the stream.
    #[serde(default)]
    pub close: bool,
}
