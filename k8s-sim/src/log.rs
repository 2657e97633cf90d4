//! Pod logs, generated from the seed: a container always writes the same lines at the same times, so nothing is stored and a tail costs
//! only what it returns. Used by the simulated API and the kubelet double.

mod lines;
mod options;

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

use crate::identity::digest;
pub use options::LogOptions;

/// A container writes a line this often, unless the pod's annotation says otherwise.
const EVERY: Duration = Duration::from_secs(2);
/// A node that rotates its logs retains only the last lines.
const RETAINED: u64 = 10_000;
/// The annotation of a pod (or pod template) that makes its containers write this many lines a second.
pub const RATE_ANNOTATION: &str = "k8s-sim/log-lines-per-second";

/// The log of one run of one container.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    seed: u64,
    image: String,
    started: Timestamp,
    ended: Option<Timestamp>,
    every: Duration,
}

impl Log {
    /// The requested log, or the node's message why there is none.
    ///
    /// `scale` shortens the delays of a real cluster.
    pub fn find(
        pod: &Pod,
        container: &str,
        previous: bool,
        scale: impl Fn(Duration) -> Duration,
    ) -> Result<Self, String> {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let statuses = pod
            .status
            .iter()
            .flat_map(|s| s.container_statuses.iter().flatten());
        let status = statuses
            .clone()
            .find(|status| status.name == container)
            .ok_or_else(|| {
                format!("container \"{container}\" in pod \"{name}\" is not available")
            })?;
        let run = run_of(status, previous).map_err(|why| why.about(container, name))?;
        let rate = pod
            .metadata
            .annotations
            .as_ref()
            .and_then(|a| a.get(RATE_ANNOTATION));
        let rate = rate
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|rate| *rate > 0.0);
        Ok(Self {
            seed: digest(&(&pod.metadata.uid, container, run.number)),
            image: status.image.clone(),
            started: run.started,
            ended: run.ended,
            every: rate.map_or_else(|| scale(EVERY), |rate| Duration::from_secs_f64(1.0 / rate)),
        })
    }

    /// The number of lines written until `now`.
    pub fn written(&self, now: Timestamp) -> u64 {
        let until = self.ended.map_or(now, |ended| ended.min(now));
        let lasted = until.duration_since(self.started).as_nanos();
        // The first line is written at the start.
        let Ok(lasted) = u128::try_from(lasted) else {
            return 0;
        };
        u64::try_from(lasted / self.every.as_nanos().max(1)).unwrap_or(u64::MAX) + 1
    }

    pub fn time_of(&self, line: u64) -> Timestamp {
        let nanos = self.every.as_nanos().saturating_mul(line.into());
        let offset = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.started + offset
    }

    /// Whether `other` is the log of the same run, possibly read later.
    pub fn is_same_run(&self, other: &Self) -> bool {
        self.seed == other.seed
    }

    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The range of lines that the options select, of those written until `now`.
    pub fn select(&self, options: &LogOptions, now: Timestamp) -> std::ops::Range<u64> {
        let end = self.written(now);
        let mut first = end.saturating_sub(RETAINED);
        if let Some(since) = options.since {
            let before = since.duration_since(self.started).as_nanos();
            let before = u128::try_from(before).unwrap_or(0);
            let skipped = before.div_ceil(self.every.as_nanos().max(1));
            first = first.max(u64::try_from(skipped).unwrap_or(u64::MAX));
        }
        if let Some(tail) = options.tail {
            first = first.max(end.saturating_sub(tail));
        }
        first.min(end)..end
    }

    /// Writes one line as the client wants it.
    pub fn write(&self, line: u64, timestamps: bool, into: &mut String) {
        if timestamps {
            into.push_str(&format!("{:.9} ", self.time_of(line)));
        }
        lines::write(self.seed, &self.image, line, into);
        into.push('\n');
    }
}

struct Run {
    number: i32,
    started: Timestamp,
    ended: Option<Timestamp>,
}

enum Missing {
    Previous,
    Waiting(String),
    Unknown,
}

impl Missing {
    fn about(&self, container: &str, pod: &str) -> String {
        match self {
            Self::Previous => {
                format!("previous terminated container \"{container}\" in pod \"{pod}\" not found")
            }
            Self::Waiting(why) => {
                format!("container \"{container}\" in pod \"{pod}\" is waiting to start: {why}")
            }
            Self::Unknown => {
                format!("container \"{container}\" in pod \"{pod}\" is not available")
            }
        }
    }
}

/// The requested run: the previous one, the current one, or the last one while the container waits for its restart.
fn run_of(status: &ContainerStatus, previous: bool) -> Result<Run, Missing> {
    let state = status.state.as_ref();
    let waits = state.is_some_and(|state| state.waiting.is_some());
    // While a container waits for its restart, the current number is still that of its last run.
    let before = status.restart_count - i32::from(!waits);
    let last = || terminated(status.last_state.as_ref(), before);
    if previous {
        return last().ok_or(Missing::Previous);
    }
    if let Some(running) = state.and_then(|state| state.running.as_ref()) {
        let started = running.started_at.as_ref().ok_or(Missing::Unknown)?.0;
        return Ok(Run {
            number: status.restart_count,
            started,
            ended: None,
        });
    }
    if let Some(run) = terminated(state, status.restart_count).or_else(last) {
        return Ok(run);
    }
    let waiting = state.and_then(|state| state.waiting.as_ref());
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
    Err(match reason {
        Some("ErrImagePull") => Missing::Waiting("image can't be pulled".to_owned()),
        Some("ImagePullBackOff") => Missing::Waiting("trying and failing to pull image".to_owned()),
        Some(reason) => Missing::Waiting(reason.to_owned()),
        None => Missing::Unknown,
    })
}

fn terminated(state: Option<&ContainerState>, number: i32) -> Option<Run> {
    let terminated = state?.terminated.as_ref()?;
    Some(Run {
        number,
        started: terminated.started_at.as_ref()?.0,
        ended: Some(terminated.finished_at.as_ref()?.0),
    })
}
