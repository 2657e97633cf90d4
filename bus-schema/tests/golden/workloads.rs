//! Workloads of one cluster and of the fleet, and their changes.

use std::collections::BTreeMap;

use bus_schema::verb::{ListDeployments, ListWorkloads, WorkloadSummary};
use bus_schema::{
    AnswerId, FleetQueryRequest, FleetQueryResponse, Health, ImageCounts, NameCount, Page, Scope,
    SortKey, Totals, WorkloadChanges, WorkloadFilter, WorkloadKind, WorkloadRef,
};

use crate::{golden, name};

fn deployment() -> WorkloadSummary {
    WorkloadSummary {
        namespace: name("shop"),
        kind: WorkloadKind::Deployment,
        name: name("my.cart"),
        deployment_name: Some(name("my.cart")),
        paused: true,
        recreate: true,
        on_delete: false,
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

fn stateful_set() -> WorkloadSummary {
    WorkloadSummary {
        kind: WorkloadKind::StatefulSet,
        name: name("db"),
        deployment_name: None,
        paused: false,
        recreate: false,
        on_delete: true,
        ..deployment()
    }
}

#[test]
fn workload_changes() {
    let gone = WorkloadRef {
        namespace: name("shop"),
        kind: WorkloadKind::DaemonSet,
        name: name("old.cart"),
    };
    golden(
        "workload.changes",
        &WorkloadChanges {
            instance: "i7k2".to_owned().try_into().unwrap(),
            sequence: 42,
            changed: vec![deployment(), stateful_set()],
            gone: vec![gone],
        },
    );
}

#[test]
fn workloads() {
    golden(
        "workloads.request",
        &ListWorkloads {
            kinds: vec![WorkloadKind::StatefulSet],
            cluster_uid: Some("u-1".to_owned()),
            namespace: Some(name("shop")),
            label_selector: Some("tier in (web, api),team!=x".to_owned()),
            q: Some("cart".to_owned()),
            image: Some(":1.4".to_owned()),
            health: [Health::Degraded].into_iter().collect(),
            limit: Some(50),
            next: Some("shop/cart".to_owned()),
        },
    );
    golden(
        "workloads.reply",
        &Page {
            items: vec![deployment(), stateful_set()],
            next: Some("shop/my.cart".to_owned()),
            stale_seconds: Some(42),
        },
    );
}

#[test]
fn deployments() {
    golden(
        "deployments.request",
        &ListDeployments(ListWorkloads {
            namespace: Some(name("shop")),
            ..ListWorkloads::default()
        }),
    );
    golden(
        "deployments.reply",
        &Page {
            items: vec![deployment()],
            next: None,
            stale_seconds: None,
        },
    );
}

#[test]
fn fleet_workloads() {
    let namespaces = vec![name("pay"), name("shop-*")];
    golden(
        "fleet.workloads.request",
        &FleetQueryRequest {
            answer: AnswerId {
                requester: name("a5k1"),
                question: name("q9x2"),
            },
            scopes: vec![Scope {
                clusters: vec![name("prod-*")],
                namespaces: namespaces.clone(),
            }],
            clusters: vec![name("prod-eu-*")],
            filter: WorkloadFilter {
                kinds: vec![WorkloadKind::Deployment, WorkloadKind::DaemonSet],
                namespaces,
                label_selector: Some("tier in (web, api),team!=x".to_owned()),
                name: Some(name("my.cart")),
                q: Some("cart".to_owned()),
                image: Some(":1.4*".to_owned()),
                health: [Health::Failed, Health::Degraded].into_iter().collect(),
            },
            sort: name("-restarted_at"),
            limit: 50,
            bytes: 65_536,
            after: Some(SortKey {
                rank: 1_772_359_200,
                kind: WorkloadKind::StatefulSet,
                name: name("my.cart"),
                cluster: name("prod-eu-1"),
                namespace: name("shop-a"),
            }),
            count_images: false,
            count_names: true,
        },
    );
    golden(
        "fleet.workloads.reply",
        &FleetQueryResponse {
            items: vec![deployment()],
            more: true,
            totals: Totals {
                workloads: 21,
                health: BTreeMap::from([(Health::Failed, 1), (Health::Degraded, 20)]),
                images: ImageCounts(vec![("shop/cart:1.4.2".to_owned(), 19)]),
                other_images: 3,
                names: vec![NameCount {
                    kind: WorkloadKind::DaemonSet,
                    name: "my.cart".to_owned(),
                    images: vec!["shop/cart:1.4.2".to_owned()],
                    health: Health::Degraded,
                    workloads: 19,
                }],
                other_names: 2,
            },
            stale_seconds: Some(42),
        },
    );
}
