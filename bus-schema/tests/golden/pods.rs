//! Pods, their events and their logs.

use bus_schema::verb::{
    ContainerSummary, EventSummary, ListEvents, ListPods, LogReply, PodSummary, ReadLog,
};
use bus_schema::{LogChunk, LogContainer, LogCredit, LogLine, Page, StreamEnd, WorkloadRef};

use crate::{golden, name};

fn line() -> LogLine {
    LogLine {
        pod: name("cart-5d4f-x2x9q"),
        container: name("cart"),
        time: Some(name("2026-03-01T10:00:00.123456789Z")),
        text: "listening on :8080".to_owned(),
        truncated: true,
    }
}

fn container() -> LogContainer {
    LogContainer {
        pod: name("cart-5d4f-zzzzz"),
        container: name("cart"),
        status: "ContainerCreating".to_owned(),
        restarts: 0,
        problem: Some("container \"cart\" is waiting to start: ContainerCreating".to_owned()),
        gone: false,
    }
}

#[test]
fn log() {
    golden(
        "log.request",
        &ReadLog {
            target: WorkloadRef::deployment(name("shop"), name("cart")),
            pod: Some(name("cart-5d4f-x2x9q")),
            container: Some(name("cart")),
            tail: Some(10),
            since_seconds: Some(60),
            until: Some(name("2026-03-01T08:00:00Z")),
            previous: false,
            follow: false,
        },
    );
    golden(
        "log.reply",
        &LogReply::Lines {
            lines: vec![line()],
            truncated: false,
            containers: vec![container()],
        },
    );
    golden(
        "log.reply.stream",
        &LogReply::Stream {
            stream: "agent.cluster-a.stream.s1".to_owned(),
            credit: "cluster.cluster-a.credit.s1".to_owned(),
        },
    );
    golden(
        "log.chunk",
        &LogChunk {
            sequence: 3,
            lines: vec![line()],
            containers: vec![LogContainer {
                gone: true,
                ..container()
            }],
            dropped: 120,
            not_followed: 16,
            end: Some(StreamEnd::Idle),
        },
    );
    golden(
        "log.credit",
        &LogCredit {
            lines: 1000,
            close: false,
        },
    );
}

#[test]
fn pods() {
    golden(
        "pods.request",
        &ListPods {
            target: WorkloadRef::deployment(name("shop"), name("cart")),
            limit: None,
            next: None,
        },
    );
    golden(
        "pods.reply",
        &Page::whole(vec![PodSummary {
            pod: name("cart-5d4f-x2x9q"),
            status: "Running".to_owned(),
            ready: true,
            restarts: 1,
            node: Some("node-1".to_owned()),
            replica_set: Some("cart-5d4f".to_owned()),
            created_at: Some(name("2026-03-01T09:00:00Z")),
            containers: vec![ContainerSummary {
                container: name("cart"),
                image: "shop/cart:1.4.2".to_owned(),
                ready: true,
                restarts: 1,
                state: "running".to_owned(),
                reason: None,
            }],
        }]),
    );
}

#[test]
fn events() {
    golden(
        "events.request",
        &ListEvents {
            target: WorkloadRef::deployment(name("shop"), name("cart")),
            limit: Some(20),
            next: None,
        },
    );
    golden(
        "events.reply",
        &Page::whole(vec![EventSummary {
            time: Some(name("2026-03-01T10:00:01Z")),
            kind: "Normal".to_owned(),
            reason: "ScalingReplicaSet".to_owned(),
            message: "Scaled up replica set cart-5d4f to 1".to_owned(),
            count: 1,
            object: "Deployment/cart".to_owned(),
        }]),
    );
}
