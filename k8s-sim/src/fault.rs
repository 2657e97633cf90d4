//! Fault injection: the faults that a test or a demo configures, and the requests that they apply to.

use std::str::FromStr;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use crate::kind::Kind;
use crate::status::Status;
use crate::verb::Verb;

/// One fault: an effect on the requests of its scope, until it is removed or for a number of requests.
///
/// Written as `latency=200ms`, `status=429,retry-after=3`, `status=500`, `hang`; followed by `@patch/deployments`, `@patch` or
/// `@/deployments` to limit it to a verb or resource, and by `*3` to limit it to the next three requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    effect: Effect,
    verb: Option<Verb>,
    resource: Option<Kind>,
    times: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The request is served after this delay.
    Latency(Duration),
    /// The request is answered with this code and the real server's message.
    Status { code: u16, retry_after: Option<u32> },
    /// The request is never answered.
    Hang,
}

impl Fault {
    pub fn new(effect: Effect) -> Self {
        Self {
            effect,
            verb: None,
            resource: None,
            times: None,
        }
    }

    pub fn latency(duration: Duration) -> Self {
        Self::new(Effect::Latency(duration))
    }

    pub fn status(code: u16) -> Self {
        let retry_after = None;
        Self::new(Effect::Status { code, retry_after })
    }

    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        let retry_after = Some(retry_after_seconds);
        Self::new(Effect::Status {
            code: 429,
            retry_after,
        })
    }

    /// 403, as when a role lacks this permission.
    pub fn forbid(verb: Verb, resource: Kind) -> Self {
        Self::status(403).for_verb(verb).for_resource(resource)
    }

    pub fn hang() -> Self {
        Self::new(Effect::Hang)
    }

    pub fn for_verb(self, verb: Verb) -> Self {
        let verb = Some(verb);
        Self { verb, ..self }
    }

    pub fn for_resource(self, resource: Kind) -> Self {
        let resource = Some(resource);
        Self { resource, ..self }
    }

    pub fn times(self, times: u32) -> Self {
        let times = Some(times);
        Self { times, ..self }
    }

    fn concerns(&self, verb: Verb, resource: Option<Kind>) -> bool {
        self.verb.is_none_or(|v| v == verb)
            && (self.resource.is_none() || self.resource == resource)
            && self.times != Some(0)
    }
}

/// The faults of one cluster.
#[derive(Debug, Default)]
pub struct Faults {
    active: Mutex<Vec<Fault>>,
}

impl Faults {
    /// Adds a fault.
    pub fn set(&self, fault: Fault) {
        self.active().push(fault);
    }

    pub fn clear(&self) {
        self.active().clear();
    }

    pub(crate) fn strike(&self, verb: Verb, resource: Option<Kind>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for fault in self.active().iter_mut() {
            if fault.concerns(verb, resource) {
                fault.times = fault.times.map(|times| times - 1);
                effects.push(fault.effect.clone());
            }
        }
        effects
    }

    fn active(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.active.lock()
    }
}

/// The real server's message for the status of a fault.
pub(crate) fn status_of(code: u16, retry_after: Option<u32>) -> Status {
    match code {
        401 => Status::unauthorized(),
        429 => Status::too_many_requests(retry_after.unwrap_or(1)),
        500 => Status::internal("etcdserver: leader changed"),
        503 => Status::new(
            503,
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        504 => Status::new(
            504,
            "Timeout",
            "request did not complete within the allotted timeout",
        ),
        code => Status::new(
            code,
            "Unknown",
            format!("simulated fault with status {code}"),
        ),
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error(
    "not a fault: {0} (try latency=200ms, status=429,retry-after=3, status=403@patch/deployments or hang)"
)]
pub struct InvalidFault(String);

impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        parse(text).ok_or_else(|| InvalidFault(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Fault> {
    let (text, times) = match text.split_once('*') {
        Some((text, times)) => (text, Some(times.parse().ok()?)),
        None => (text, None),
    };
    let (effect, scope) = text.split_once('@').unwrap_or((text, ""));
    let (verb, resource) = scope.split_once('/').unwrap_or((scope, ""));
    Some(Fault {
        effect: parse_effect(effect)?,
        verb: optional(verb, Verb::find)?,
        resource: optional(resource, |plural| {
            Kind::ALL.into_iter().find(|kind| kind.plural() == plural)
        })?,
        times,
    })
}

fn optional<T>(text: &str, find: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() {
        Some(None)
    } else {
        find(text).map(Some)
    }
}

fn parse_effect(text: &str) -> Option<Effect> {
    if text == "hang" {
        return Some(Effect::Hang);
    }
    if let Some(duration) = text.strip_prefix("latency=") {
        return parse_duration(duration).map(Effect::Latency);
    }
    let status = text.strip_prefix("status=")?;
    let (code, retry_after) = match status.split_once(",retry-after=") {
        Some((code, seconds)) => (code, Some(seconds.parse().ok()?)),
        None => (status, None),
    };
    let code = code.parse().ok().filter(|code| (400..600).contains(code))?;
    Some(Effect::Status { code, retry_after })
}

fn parse_duration(text: &str) -> Option<Duration> {
    if let Some(millis) = text.strip_suffix("ms") {
        return millis.parse().ok().map(Duration::from_millis);
    }
    text.strip_suffix('s')?
        .parse()
        .ok()
        .map(Duration::from_secs)
}
