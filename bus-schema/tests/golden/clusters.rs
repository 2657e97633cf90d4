//! Heartbeats and information about agents and clusters.

use bus_schema::verb::{ClusterInfo, GetInfo, ListNamespaces, NamespaceSummary};
use bus_schema::{AgentState, Heartbeat, HeartbeatAck, Page, RollCall};

use crate::{conditions, counts, golden, name};

#[test]
fn heartbeats() {
    golden(
        "heartbeat",
        &Heartbeat {
            instance: "i7k2".to_owned().try_into().unwrap(),
            state: AgentState::Up,
            sequence: 12,
            sent_at: name("2026-03-01T10:00:00.250Z"),
            started_at: name("2026-03-01T09:00:00Z"),
            agent_version: "0.1.0".to_owned(),
            verbs: vec!["info".to_owned(), "restart".to_owned(), "pause".to_owned()],
            allowed_verbs: Some(vec!["restart".to_owned()]),
            cluster_uid: Some("5f1c7b9e-0000-4000-8000-000000000001".to_owned()),
            kubernetes_version: Some("v1.36.3".to_owned()),
            counts: Some(counts()),
            conditions: conditions(),
            every_seconds: Some(5),
            round_trip_milliseconds: Some(21),
            changes: Some(42),
        },
    );
    golden(
        "heartbeat.ack",
        &HeartbeatAck {
            sequence: 12,
            received_at: name("2026-03-01T10:00:00.251Z"),
            every_seconds: Some(5),
        },
    );
    golden(
        "roll-call",
        &RollCall {
            spread_milliseconds: 500,
        },
    );
}

#[test]
fn info() {
    golden("info.request", &GetInfo {});
    golden(
        "info.reply",
        &ClusterInfo {
            cluster: name("cluster-a"),
            instance: "i7k2".to_owned().try_into().unwrap(),
            started_at: name("2026-03-01T09:00:00Z"),
            agent_version: "0.1.0".to_owned(),
            verbs: vec!["info".to_owned()],
            cluster_uid: Some("5f1c7b9e-0000-4000-8000-000000000001".to_owned()),
            kubernetes_version: Some("v1.36.3".to_owned()),
            counts: Some(counts()),
            conditions: conditions(),
        },
    );
}

#[test]
fn namespaces() {
    golden(
        "namespaces.request",
        &ListNamespaces {
            namespaces: Some(vec![name("shop-*")]),
            limit: Some(100),
            next: Some("shop".to_owned()),
        },
    );
    golden(
        "namespaces.reply",
        &Page::whole(vec![NamespaceSummary {
            namespace: name("shop"),
            phase: "Active".to_owned(),
            created_at: Some(name("2026-01-01T00:00:00Z")),
            deployments: 4,
            stateful_sets: 1,
            daemon_sets: 2,
        }]),
    );
}
