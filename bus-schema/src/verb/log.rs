//! `cluster.<name>.log`: the log of all pods and containers of a deployment, once or followed.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Access, ContainerName, LogContainer, LogLine, Namespace, PodName, Request, Right, WorkloadRef,
};

/// Reads log lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadLog {
    /// The workload.
    #[serde(flatten)]
    pub target: WorkloadRef,
    /// Only this pod; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodName>,
    /// Only this container of each pod; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerName>,
    /// The number of most recent lines of each container; absent: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
    /// Only lines of this many recent seconds, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_seconds: Option<u32>,
    /// Only lines up to this time; requires `since_seconds`, excludes `follow`. `tail` counts back from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The log of each container's previous run.
    #[serde(default)]
    pub previous: bool,
    /// Answers with a stream instead of lines.
    #[serde(default)]
    pub follow: bool,
}

impl ReadLog {
    /// Lines of each container if `tail` is absent.
    pub const DEFAULT_TAIL: u32 = 100;
    /// The maximum of `tail`.
    pub const MAX_TAIL: u32 = 10_000;
}

impl Request for ReadLog {
    const VERB: &'static str = "log";
    const ACCESS: Access = Access::Read;
    const RIGHT: Right = Right::Logs;
    const TIMEOUT: Duration = Duration::from_secs(15);
    type Reply = LogReply;

    fn namespace(&self) -> Option<&Namespace> {
        Some(&self.target.namespace)
    }
}

/// Log lines, or the subjects of a stream of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LogReply {
    /// The reply with `follow`.
    Stream {
        /// The subject on which [`crate::LogChunk`]s are published: `agent.<name>.stream.<id>`.
        stream: String,
        /// The subject on which to publish [`crate::LogCredit`]: `cluster.<name>.credit.<id>`.
        credit: String,
    },
    /// The reply without `follow`.
    Lines {
        /// Lines of all containers, merged by time.
        lines: Vec<LogLine>,
        /// The oldest lines were left out because the reply would have been too large.
        truncated: bool,
        /// All requested containers, including those without lines.
        #[serde(default)]
        containers: Vec<LogContainer>,
    },
}
