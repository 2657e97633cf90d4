use std::collections::BTreeSet;
use std::sync::Arc;

use bus_schema::verb::WorkloadSummary;
use bus_schema::{AnswerId, Scope, SortKey, WorkloadFilter};
use serde_json::{Value, json};

use super::*;
use identity::Grant;

fn grants() -> Grants {
    let granted = Grant {
        role: "viewer".to_owned(),
        rights: BTreeSet::from([Right::Read]),
        clusters: vec!["cluster-*".parse().unwrap()],
        cluster_labels: None,
        namespaces: vec!["shop-*".parse().unwrap()],
    };
    Grants::new([granted].into(), Arc::default())
}

fn request() -> FleetQueryRequest {
    let id = |text: &str| text.parse().unwrap();
    FleetQueryRequest {
        answer: AnswerId {
            requester: id("a"),
            question: id("q"),
        },
        scopes: Vec::<Scope>::new(),
        clusters: vec![],
        filter: WorkloadFilter::default(),
        sort: Sort::default(),
        limit: 3,
        bytes: 1024,
        after: None,
        count_images: true,
        count_names: false,
    }
}

fn item(namespace: &str, name: &str) -> Value {
    json!({"namespace": namespace, "kind": "Deployment", "name": name, "replicas": 1, "ready": 1, "updated": 1, "available": 1,
        "images": ["web:1"], "health": "healthy"})
}

fn answer(items: &[Value]) -> Value {
    json!({"items": items, "totals": {"workloads": items.len()}})
}

fn try_read(answer: &Value, request: &FleetQueryRequest) -> Result<Part, String> {
    let payload = Bytes::from(answer.to_string());
    let cluster = "cluster-a".parse().unwrap();
    read(&payload, request, &cluster, &grants()).map(|answer| answer.part)
}

#[test]
fn a_valid_response_is_accepted_and_sorted() {
    let items = [
        item("shop-a", "b"),
        item("shop-b", "a"),
        item("shop-a", "a"),
    ];
    let read = try_read(&answer(&items), &request()).unwrap();
    let names: Vec<_> = read
        .items
        .iter()
        .map(|item| format!("{}/{}", item.namespace, item.name))
        .collect();
    assert_eq!(names, ["shop-a/a", "shop-b/a", "shop-a/b"]);
}

#[test]
fn items_that_were_not_requested_invalidate_the_response() {
    let one = item("shop-a", "a");
    let four: Vec<Value> = (0..4).map(|n| item("shop-a", &format!("x{n}"))).collect();
    let mut large = item("shop-a", "b");
    large["reason"] = json!("x".repeat(FRAME_BYTES + 2048));
    let mut invented = answer(std::slice::from_ref(&one));
    invented["totals"]["workloads"] = json!(0);
    let mut images = answer(&[]);
    let counts = (0..=Totals::IMAGES).map(|n| (format!("i{n}"), json!(1)));
    images["totals"]["images"] = Value::Object(counts.collect());
    let mut long = answer(&[]);
    long["totals"]["images"] = json!({"x".repeat(Totals::IMAGE_BYTES + 1): 1});
    let mut endless = answer(&[]);
    endless["more"] = json!(true);
    for (what, wrong) in [
        ("too many", answer(&four)),
        ("too large", answer(&[one.clone(), large])),
        ("a forbidden namespace", answer(&[item("pay", "a")])),
        ("twice", answer(&[one.clone(), one.clone()])),
        ("totals below the items", invented),
        ("too many images", images),
        ("a long image", long),
        ("more of nothing", endless),
        ("no names", answer(&[item("SHOP", "a")])),
        ("no object", json!([1, 2])),
        ("no items", json!({"totals": {"workloads": 0}})),
    ] {
        assert!(try_read(&wrong, &request()).is_err(), "{what}");
    }
    let mut filtered = request();
    filtered.filter.namespaces = vec!["shop-b".parse().unwrap()];
    assert!(try_read(&answer(&[one]), &filtered).is_err());
}

#[test]
fn every_accepted_item_can_be_shown() {
    let whole = item("shop-a", "a");
    let with = |field: &str, value: Value| {
        let mut item = whole.clone();
        item[field] = value;
        item
    };
    let without = |field: &str| {
        let mut item = whole.clone();
        item.as_object_mut().unwrap().remove(field);
        item
    };
    let mut items = vec![
        whole.clone(),
        with("reason", json!("a \"b\"")),
        with("labels", json!({"a\n": "\u{202e}", "b": ""})),
        with("labels", json!({"a": 1})),
        with("labels", json!(null)),
        with("health", json!("newer")),
        with("health", json!(1)),
        with("restarted_at", json!("2026-01-01T00:00:00Z")),
        with("restarted_at", json!("yesterday")),
        with("created_at", json!(null)),
        with("images", json!(["a", null])),
        with("images", json!("a")),
        with("newer", json!({"a": [1]})),
        with("replicas", json!(-1)),
    ];
    items.extend(
        whole
            .as_object()
            .unwrap()
            .keys()
            .map(|field| without(field)),
    );
    let cluster: ClusterName = "cluster-a".parse().unwrap();
    for item in items {
        let taken = try_read(&answer(std::slice::from_ref(&item)), &request());
        let summary = serde_json::from_value::<WorkloadSummary>(item.clone());
        assert_eq!(taken.is_ok(), summary.is_ok(), "{item}");
        if let (Ok(taken), Ok(summary)) = (taken, summary) {
            let shown = taken.items[0].shown(&cluster).unwrap();
            assert_eq!(shown.workload, summary, "{item}");
        }
    }
}

#[test]
fn nesting_without_end_and_what_is_no_json_are_refused() {
    let (request, cluster) = (request(), "cluster-a".parse().unwrap());
    let deep = format!(
        r#"{{"items":[],"totals":{{"workloads":0}},"x":{}"#,
        "[".repeat(200_000)
    );
    let deep_items = format!(r#"{{"items":{}"#, "[".repeat(100_000));
    let million = format!(r#"{{"items":[{}0]"#, "0,".repeat(500_000));
    for payload in [&deep, &deep_items, &million, "", "{", "\0", "null"] {
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        assert!(read(&payload, &request, &cluster, &grants()).is_err());
    }
    let no_text = Bytes::from_static(&[0xff, 0xfe]);
    assert!(read(&no_text, &request, &cluster, &grants()).is_err());
}

#[test]
fn what_was_on_an_earlier_page_is_not_shown_again() {
    let mut request = request();
    request.after = Some(SortKey {
        rank: 0,
        name: "b".parse().unwrap(),
        cluster: "cluster-a".parse().unwrap(),
        namespace: "shop-a".parse().unwrap(),
        kind: WorkloadKind::Deployment,
    });
    let items = [
        item("shop-a", "a"),
        item("shop-a", "b"),
        item("shop-a", "c"),
    ];
    let read = try_read(&answer(&items), &request).unwrap();
    assert_eq!(read.items.len(), 1);
    assert_eq!(read.items[0].name.as_str(), "c");
}
