//! `events`: the Kubernetes events of a workload, its ReplicaSets and its pods, newest first.

use std::collections::HashSet;

use bus_schema::page::limit;
use bus_schema::verb::{EventSummary, ListEvents};
use bus_schema::{Fault, Namespace, Page};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, ObjectReference};
use kube::api::ListParams;

use crate::agent::Cx;
use crate::cache::count;
use crate::kubernetes::{Belongings, Kubernetes, ask, created_at, name_of, with_belongings};
use crate::page;

/// The maximum number of the namespace's events that are searched; the API server retains events for an hour.
const LOOKED_THROUGH: usize = 10_000;
const AT_ONCE: u32 = 500;

pub async fn list(cx: Cx, request: ListEvents) -> Result<Page<EventSummary>, Fault> {
    let limit = limit(request.limit)?;
    let after = request.next.as_deref().map(position).transpose()?;
    let workload = with_belongings(&cx.agent.kubernetes, &request.target, cx.until).await?;
    let concerned = Concerned::by(&workload);
    let events = read(
        &cx.agent.kubernetes,
        &request.target.namespace,
        &concerned,
        cx.until,
    )
    .await?;
    let mut events: Vec<_> = events.iter().map(|event| (order(event), event)).collect();
    events.sort_by(|(a, _), (b, _)| b.cmp(a));
    let rest = events
        .into_iter()
        .filter(|(order, _)| after.as_ref().is_none_or(|after| order < after));
    let page = page::fill(
        rest,
        limit,
        |(_, event)| bytes(event),
        |(order, _)| cursor(order),
    );
    Ok(Page {
        items: page
            .items
            .into_iter()
            .map(|(_, event)| to_summary(event))
            .collect(),
        next: page.next,
        stale_seconds: None,
    })
}

async fn read(
    kubernetes: &Kubernetes,
    namespace: &Namespace,
    concerned: &Concerned,
    until: tokio::time::Instant,
) -> Result<Vec<Event>, Fault> {
    let api = kubernetes.events(namespace);
    let (mut events, mut seen) = (Vec::new(), 0);
    let mut params = ListParams::default().limit(AT_ONCE);
    loop {
        let list = ask(until, || api.list(&params)).await?;
        seen += list.items.len();
        events.extend(
            list.items
                .into_iter()
                .filter(|e| concerned.by_reference(&e.involved_object)),
        );
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) if seen < LOOKED_THROUGH => params.continue_token = Some(token),
            _ => return Ok(events),
        }
    }
}

/// The objects whose events are selected. A pod's events outlive the pod, so they are matched by the name of what controlled them.
struct Concerned {
    uids: HashSet<String>,
    pod_prefixes: Vec<String>,
}

impl Concerned {
    fn by(workload: &Belongings) -> Self {
        let controllers = workload.controllers.iter();
        let pods = workload.pods.iter().map(|pod| &pod.metadata);
        let all = controllers
            .clone()
            .chain(pods)
            .chain([&workload.workload.metadata]);
        Self {
            uids: all.filter_map(|metadata| metadata.uid.clone()).collect(),
            pod_prefixes: controllers.map(|it| format!("{}-", name_of(it))).collect(),
        }
    }

    fn by_reference(&self, object: &ObjectReference) -> bool {
        if object
            .uid
            .as_ref()
            .is_some_and(|uid| self.uids.contains(uid))
        {
            return true;
        }
        let name = object.name.as_deref().unwrap_or_default();
        let of_set = |prefix: &String| {
            let rest = name.strip_prefix(prefix.as_str());
            rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('-'))
        };
        object.kind.as_deref() == Some("Pod") && self.pod_prefixes.iter().any(of_set)
    }
}

/// When it was last seen; the newer API uses other fields than the older one.
fn time(event: &Event) -> Option<Timestamp> {
    let series = event
        .series
        .as_ref()
        .and_then(|series| series.last_observed_time.as_ref());
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let first = event.event_time.as_ref().map(|time| time.0);
    let series = series.map(|time| time.0);
    series
        .or(last)
        .or(first)
        .or_else(|| created_at(&event.metadata))
}

type EventKey = (i128, String);

fn order(event: &Event) -> EventKey {
    let time = time(event).map_or(0, Timestamp::as_nanosecond);
    (time, name_of(&event.metadata).to_owned())
}

fn cursor((time, name): &EventKey) -> String {
    format!("{time}/{name}")
}

fn position(cursor: &str) -> Result<EventKey, Fault> {
    let (time, name) = cursor
        .split_once('/')
        .ok_or_else(|| page::not_a_cursor("it has no slash"))?;
    let time = time
        .parse()
        .map_err(|_| page::not_a_cursor("it has no time"))?;
    Ok((time, name.to_owned()))
}

fn bytes(event: &Event) -> usize {
    // Control characters take six bytes each in JSON.
    400 + 6 * event.message.as_ref().map_or(0, String::len)
}

fn to_summary(event: &Event) -> EventSummary {
    let object = &event.involved_object;
    let series = event.series.as_ref().and_then(|series| series.count);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    EventSummary {
        time: time(event),
        kind: text(&event.type_),
        reason: text(&event.reason),
        message: text(&event.message),
        count: count(series.or(event.count).unwrap_or(1)).max(1),
        object: format!("{}/{}", text(&object.kind), text(&object.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(name: &str, fields: serde_json::Value) -> Event {
        let mut event = json!({ "metadata": { "name": name }, "involvedObject": {} });
        let (Some(event_fields), Some(fields)) = (event.as_object_mut(), fields.as_object()) else {
            unreachable!("both are objects");
        };
        event_fields.extend(fields.clone());
        serde_json::from_value(event).expect("an event")
    }

    #[test]
    fn the_last_known_time_counts() {
        let old = event(
            "a",
            json!({ "lastTimestamp": "2026-03-01T10:00:00Z", "count": 4 }),
        );
        let new = event("b", json!({ "eventTime": "2026-03-01T10:00:01.000000Z" }));
        let series = event(
            "c",
            json!({
                "eventTime": "2026-03-01T09:00:00.000000Z",
                "series": { "count": 9, "lastObservedTime": "2026-03-01T10:00:02.000000Z" },
            }),
        );
        assert!(order(&old) < order(&new));
        assert!(order(&new) < order(&series));
        assert_eq!(
            [&old, &new, &series].map(|e| to_summary(e).count),
            [4, 1, 9]
        );
    }

    #[test]
    fn a_cursor_round_trips() {
        let order = order(&event(
            "web.18a",
            json!({ "lastTimestamp": "2026-03-01T10:00:00Z" }),
        ));
        assert_eq!(position(&cursor(&order)).unwrap(), order);
        for wrong in ["", "x", "x/y"] {
            assert!(position(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn events_of_deleted_pods_are_matched_by_their_replica_sets_name() {
        let concerned = Concerned {
            uids: HashSet::from(["u1".to_owned()]),
            pod_prefixes: vec!["web-5d4f-".to_owned()],
        };
        let reference = |kind: &str, name: &str, uid: &str| ObjectReference {
            kind: Some(kind.to_owned()),
            name: Some(name.to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        };
        assert!(concerned.by_reference(&reference("Deployment", "web", "u1")));
        assert!(concerned.by_reference(&reference("Pod", "web-5d4f-x1", "gone")));
        assert!(!concerned.by_reference(&reference("Pod", "web-5d4f-x1-y2", "gone")));
        assert!(!concerned.by_reference(&reference("Deployment", "web", "its predecessor's")));
    }
}
