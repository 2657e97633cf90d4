//! Events as the components of a cluster record them: one object for each (involved object, reason, message), counted on repetition,
//! deleted an hour after the last occurrence.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::identity::digest;
use crate::kind::{Kind, Resource};
use crate::pod;
use crate::queue::Work;
use crate::state::State;
use crate::store::{Key, Object};

/// The API server's `--event-ttl`.
const TTL: Duration = Duration::from_secs(3600);
/// Unlike a real cluster, which keeps every event for that long, a simulated one has a limit: many share the memory of one process.
const RETAINED: usize = 5_000;
/// How often old events are looked for while there are new ones: all of them are read.
pub const BETWEEN_SWEEPS: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
pub struct Happening<'a> {
    pub component: &'a str,
    pub warning: bool,
    pub reason: &'a str,
    pub message: &'a str,
    /// The container, if the event concerns one.
    pub container: Option<&'a str>,
}

impl<'a> Happening<'a> {
    pub fn normal(component: &'a str, reason: &'a str, message: &'a str) -> Self {
        Self {
            component,
            warning: false,
            reason,
            message,
            container: None,
        }
    }

    pub fn of_container(happening: &'a pod::Happening) -> Self {
        Self {
            component: "kubelet",
            warning: happening.warning,
            reason: happening.reason,
            message: &happening.message,
            container: Some(&happening.container),
        }
    }
}

pub fn record<T: Resource>(state: &mut State, about: &T, happening: Happening, now: Timestamp) {
    let event = new(about, happening, now);
    match state.store.read::<Event>(&Key::of(&event)) {
        None => {
            state.create(event, now);
        }
        Some(mut again) => {
            again.count = again.count.map(|count| count + 1);
            again.last_timestamp = Some(Time(now));
            state.store.put(again);
        }
    }
}

/// The event on its first occurrence. Its name is deterministic.
pub fn new<T: Resource>(about: &T, happening: Happening, now: Timestamp) -> Event {
    let meta = about.metadata();
    let id = digest(&(&meta.uid, happening.reason, happening.message));
    let involved = meta.name.as_deref().unwrap_or_default();
    let type_ = if happening.warning {
        "Warning"
    } else {
        "Normal"
    };
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{involved}.{id:016x}")),
            namespace: meta.namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: reference(about, happening.container),
        reason: Some(happening.reason.to_owned()),
        message: Some(happening.message.to_owned()),
        source: Some(EventSource {
            component: Some(happening.component.to_owned()),
            host: None,
        }),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        count: Some(1),
        type_: Some(type_.to_owned()),
        reporting_component: Some(happening.component.to_owned()),
        reporting_instance: Some(String::new()),
        ..Event::default()
    }
}

fn reference<T: Resource>(about: &T, container: Option<&str>) -> ObjectReference {
    let meta = about.metadata();
    ObjectReference {
        api_version: Some(T::TYPE.api_version().to_owned()),
        kind: Some(T::TYPE.name().to_owned()),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        field_path: container.map(|name| format!("spec.containers{{{name}}}")),
    }
}

/// Deletes the events that have expired, and the oldest of more than [`RETAINED`].
pub fn forget_old(state: &mut State, now: Timestamp) {
    let events = state.store.list(Kind::Event, None);
    let mut events: Vec<(Timestamp, Key)> = events.filter_map(last_of).collect();
    events.sort();
    let surplus = events.len().saturating_sub(RETAINED);
    let expired = events.partition_point(|(last, _)| *last + TTL <= now);
    let (gone, left) = events.split_at(surplus.max(expired));
    for (_, key) in gone {
        state.store.remove(Kind::Event, key);
    }
    if let Some((oldest, _)) = left.first() {
        let due = *oldest + TTL + BETWEEN_SWEEPS;
        state.queue.push(due, Work::Events);
    }
}

/// When the event last occurred.
fn last_of(object: &Arc<Object>) -> Option<(Timestamp, Key)> {
    let event: Event = object.decode();
    let last = event.last_timestamp.or(event.metadata.creation_timestamp)?;
    Some((last.0, object.key.clone()))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Namespace;

    use super::*;
    use crate::clock::Clock;
    use crate::identity::Identities;

    /// A cluster with this many events, a second apart.
    fn cluster_with(events: usize) -> State {
        let ids = Identities::new(1, "cluster-a");
        let mut state = State::new(Clock::manual(), ids, 16);
        let mut now = state.clock.now();
        for number in 0..events {
            let message = format!("number {number}");
            let happening = Happening::normal("test", "Test", &message);
            record(&mut state, &Namespace::default(), happening, now);
            now += Duration::from_secs(1);
        }
        state
    }

    fn first_message(state: &State) -> Option<String> {
        let events = state.store.list(Kind::Event, None);
        let events = events.map(|event| event.decode::<Event>());
        let oldest = events.min_by_key(|event| event.last_timestamp.clone())?;
        oldest.message
    }

    #[test]
    fn an_event_expires_after_an_hour() {
        let mut state = cluster_with(2);
        let hour = state.clock.now() + TTL;
        forget_old(&mut state, hour);
        assert_eq!(first_message(&state).as_deref(), Some("number 1"));
        forget_old(&mut state, hour + Duration::from_secs(1));
        assert_eq!(first_message(&state), None);
    }

    #[test]
    fn the_oldest_of_too_many_events_go() {
        let mut state = cluster_with(RETAINED + 3);
        let now = state.clock.now();
        forget_old(&mut state, now);
        assert_eq!(state.store.list(Kind::Event, None).count(), RETAINED);
        assert_eq!(first_message(&state).as_deref(), Some("number 3"));
    }
}
