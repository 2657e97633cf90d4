//! Every message against its committed JSON. A difference is a change of the protocol: look at it, then write the files anew with
//! `UPDATE_GOLDEN=1 cargo test -p bus-schema`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::str::FromStr;

use bus_schema::verb::{
    ClusterInfo, ContainerSummary, DeploymentSummary, EventSummary, GetInfo, GetRollout,
    ListDeployments, ListEvents, ListNamespaces, ListPods, LogReply, LogSource, NamespaceSummary,
    PodProblem, PodSummary, ReadLog, RestartDeployment, Restarted, Rollout, RolloutState,
    SourceProblem,
};
use bus_schema::{
    AgentState, AnswerId, Condition, ConditionType, Counts, DeploymentChanges, DeploymentFilter,
    Fault, FaultCode, GoneDeployment, Guard, Health, Heartbeat, HeartbeatAck, ImageCounts,
    LogChunk, LogCredit, LogLine, Page, Place, RollCall, Scope, StreamEnd, SurveyDeployments,
    Surveyed, Totals,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

fn name<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("the fixture is well-formed")
}

/// The message is written as committed, read back as it was, and read the same with a field that this version does not know.
fn golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(file: &str, message: &T) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(format!("{file}.json"));
    let written = serde_json::to_value(message).expect("the message has a JSON form");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let pretty = serde_json::to_string_pretty(&written).expect("a value has a text") + "\n";
        std::fs::write(&path, pretty).expect("the golden folder is writable");
    }
    let text = std::fs::read_to_string(&path).expect("a golden file for each message");
    let committed: Value = serde_json::from_str(&text).expect("golden files are JSON");
    assert_eq!(
        written, committed,
        "{file} is written otherwise than committed"
    );
    assert_eq!(
        &serde_json::from_str::<T>(&text).expect("committed JSON is read"),
        message
    );

    let mut newer = committed;
    if let Value::Object(fields) = &mut newer {
        fields.insert("from_the_future".to_owned(), Value::Bool(true));
    }
    assert_eq!(
        &serde_json::from_value::<T>(newer).expect("unknown fields are ignored"),
        message
    );
}

fn conditions() -> Vec<Condition> {
    vec![Condition {
        kind: ConditionType::CacheStale,
        message: "the watch of deployments is broken".to_owned(),
        since: name("2026-03-01T09:59:00Z"),
    }]
}

fn counts() -> Counts {
    Counts {
        namespaces: 5,
        deployments: 20,
        health: BTreeMap::from([(Health::Healthy, 19), (Health::Failed, 1)]),
    }
}

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
            verbs: vec!["info".to_owned(), "restart".to_owned()],
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
fn faults() {
    golden(
        "fault",
        &Fault::new(FaultCode::NotFound, "deployment \"shop/cart\" not found"),
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
        }]),
    );
}

fn deployment() -> DeploymentSummary {
    DeploymentSummary {
        namespace: name("shop"),
        deployment_name: name("my.cart"),
        replicas: 3,
        ready: 2,
        updated: 3,
        available: 2,
        images: vec!["shop/cart:1.4.2".to_owned()],
        health: Health::Degraded,
        reason: Some("2 of 3 replicas are available".to_owned()),
        restarted_at: Some(name("2026-03-01T08:00:00Z")),
        created_at: Some(name("2026-01-01T00:00:00Z")),
        labels: BTreeMap::from([("app".to_owned(), "cart".to_owned())]),
    }
}

#[test]
fn deployment_changes() {
    let gone = GoneDeployment {
        namespace: name("shop"),
        deployment_name: name("old.cart"),
    };
    golden(
        "deployment.changes",
        &DeploymentChanges {
            instance: "i7k2".to_owned().try_into().unwrap(),
            sequence: 42,
            changed: vec![deployment()],
            gone: vec![gone],
        },
    );
}

#[test]
fn deployments() {
    golden(
        "deployments.request",
        &ListDeployments {
            cluster_uid: Some("u-1".to_owned()),
            namespace: Some(name("shop")),
            label_selector: Some("tier in (web, api),team!=x".to_owned()),
            q: Some("cart".to_owned()),
            image: Some(":1.4".to_owned()),
            health: Some(Health::Degraded),
            limit: Some(50),
            next: Some("shop/cart".to_owned()),
        },
    );
    golden(
        "deployments.reply",
        &Page {
            items: vec![deployment()],
            next: Some("shop/my.cart".to_owned()),
            stale_seconds: Some(42),
        },
    );
}

#[test]
fn fleet_deployments() {
    let namespaces = vec![name("pay"), name("shop-*")];
    golden(
        "fleet.deployments.request",
        &SurveyDeployments {
            answer: AnswerId {
                asker: name("a5k1"),
                question: name("q9x2"),
            },
            scopes: vec![Scope {
                clusters: vec![name("prod-*")],
                namespaces: namespaces.clone(),
            }],
            clusters: vec![name("prod-eu-*")],
            filter: DeploymentFilter {
                namespaces,
                label_selector: Some("tier in (web, api),team!=x".to_owned()),
                q: Some("cart".to_owned()),
                image: Some(":1.4*".to_owned()),
                health: vec![Health::Failed, Health::Degraded],
            },
            sort: name("-restarted_at"),
            limit: 50,
            bytes: 65_536,
            after: Some(Place {
                rank: 1_772_359_200,
                deployment_name: name("my.cart"),
                cluster: name("prod-eu-1"),
                namespace: name("shop-a"),
            }),
        },
    );
    golden(
        "fleet.deployments.reply",
        &Surveyed {
            items: vec![deployment()],
            more: true,
            totals: Totals {
                deployments: 21,
                health: BTreeMap::from([(Health::Failed, 1), (Health::Degraded, 20)]),
                images: ImageCounts(vec![("shop/cart:1.4.2".to_owned(), 19)]),
                other_images: 3,
            },
            stale_seconds: Some(42),
        },
    );
}

#[test]
fn restart() {
    golden(
        "restart.request",
        &RestartDeployment {
            namespace: name("shop"),
            deployment_name: name("cart"),
            restarted_at: Some(name("2026-03-01T10:00:00Z")),
            guard: Guard {
                operation_id: Some(name("op-4k2j")),
                deadline: Some(name("2026-03-01T10:00:08.5Z")),
                cluster_uid: Some("5f1c7b9e-0000-4000-8000-000000000001".to_owned()),
            },
        },
    );
    golden(
        "restart.request.by-hand",
        &RestartDeployment {
            namespace: name("default"),
            deployment_name: name("fastapi-b"),
            restarted_at: None,
            guard: Guard::default(),
        },
    );
    golden(
        "restart.reply",
        &Restarted {
            namespace: name("shop"),
            deployment_name: name("cart"),
            restarted_at: name("2026-03-01T10:00:00Z"),
        },
    );
}

#[test]
fn rollout() {
    golden(
        "rollout.request",
        &GetRollout {
            namespace: name("shop"),
            deployment_name: name("cart"),
        },
    );
    golden(
        "rollout.reply",
        &Rollout {
            namespace: name("shop"),
            deployment_name: name("cart"),
            state: RolloutState::Progressing,
            message: "1 of 3 new replicas have been updated".to_owned(),
            replicas: 3,
            total: 4,
            updated: 1,
            ready: 3,
            available: 3,
            generation: 7,
            observed_generation: 7,
            revision: Some(4),
            restarted_at: Some(name("2026-03-01T10:00:00Z")),
            problems: vec![PodProblem {
                pod: name("cart-5d4f-x2x9q"),
                container: Some(name("cart")),
                reason: "ImagePullBackOff".to_owned(),
                message: "Back-off pulling image".to_owned(),
            }],
        },
    );
}

fn line() -> LogLine {
    LogLine {
        pod: name("cart-5d4f-x2x9q"),
        container: name("cart"),
        time: Some(name("2026-03-01T10:00:00.123456789Z")),
        text: "listening on :8080".to_owned(),
    }
}

#[test]
fn log() {
    golden(
        "log.request",
        &ReadLog {
            namespace: name("shop"),
            deployment_name: name("cart"),
            container: Some(name("cart")),
            tail: Some(10),
            since_seconds: Some(60),
            previous: false,
            follow: false,
        },
    );
    golden(
        "log.reply",
        &LogReply::Lines {
            lines: vec![line()],
            truncated: false,
            problems: vec![SourceProblem {
                pod: name("cart-5d4f-zzzzz"),
                container: name("cart"),
                message: "container \"cart\" is waiting to start: ContainerCreating".to_owned(),
            }],
        },
    );
    golden(
        "log.reply.stream",
        &LogReply::Stream {
            stream: "agent.cluster-a.stream.s1".to_owned(),
            credit: "cluster.cluster-a.credit.s1".to_owned(),
            sources: vec![LogSource {
                pod: name("cart-5d4f-x2x9q"),
                container: name("cart"),
            }],
        },
    );
    golden(
        "log.chunk",
        &LogChunk {
            sequence: 3,
            lines: vec![line()],
            dropped: 120,
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
            namespace: name("shop"),
            deployment_name: name("cart"),
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
            namespace: name("shop"),
            deployment_name: name("cart"),
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

#[test]
fn every_verb_has_a_golden_request_and_reply() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    for verb in bus_schema::VERBS {
        for part in ["request", "reply"] {
            let file = folder.join(format!("{}.{part}.json", verb.name));
            assert!(file.exists(), "{} is missing", file.display());
        }
    }
}

#[test]
fn unknown_values_of_a_newer_version_become_the_catch_all() {
    assert_eq!(
        serde_json::from_str::<Health>("\"radiant\"").unwrap(),
        Health::Unknown
    );
    assert_eq!(
        serde_json::from_str::<AgentState>("\"dreaming\"").unwrap(),
        AgentState::Up
    );
    assert_eq!(
        serde_json::from_str::<StreamEnd>("\"tired\"").unwrap(),
        StreamEnd::Failed
    );
    assert_eq!(
        serde_json::from_str::<RolloutState>("\"sideways\"").unwrap(),
        RolloutState::Unknown
    );
    assert_eq!(
        serde_json::from_str::<ConditionType>("\"haunted\"").unwrap(),
        ConditionType::Other
    );
}
