//! The whole fleet in one call: visibility, order and pages.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::service::Answer;
use crate::stack::Stack;

mod groups;
pub mod pages;

/// Cluster, namespace and name.
pub type Name = (String, String, String);

pub fn items(answer: &Answer) -> &Vec<Value> {
    let items = answer.body["items"].as_array();
    items.unwrap_or_else(|| panic!("no items: {answer:?}"))
}

fn name(item: &Value) -> Name {
    let text = |field: &str| item[field].as_str().expect("a name").to_owned();
    (text("cluster"), text("namespace"), text("name"))
}

pub fn names(answer: &Answer) -> Vec<Name> {
    items(answer).iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_shows_and_counts_the_deployments_of_every_cluster() {
    let stack = Stack::start(3).await;
    let token = stack.service.token("viewer").await;
    let whole = stack.service.get("/deployments", &token).await;
    let mut expected = BTreeSet::new();
    for cluster in ["cluster-a", "cluster-b", "cluster-c"] {
        for namespace in ["default", "pay"] {
            let path = format!("/deployments/{cluster}/{namespace}");
            let list = stack.service.get(&path, &token).await;
            for item in items(&list) {
                let mut item = item.clone();
                item["cluster"] = json!(cluster);
                expected.insert(item.to_string());
            }
        }
    }
    let shown: BTreeSet<_> = items(&whole).iter().map(Value::to_string).collect();
    assert_eq!(shown, expected);
    assert_eq!((expected.len(), items(&whole).len()), (12, 12));
    assert!(whole.body["continue"].is_null());

    let answers =
        json!({"answered": 3, "timed_out": 0, "offline": 0, "refused": 0, "misbehaving": 0});
    assert_eq!(whole.body["answers"], answers);
    for row in whole.body["clusters"].as_array().unwrap() {
        assert_eq!(
            (&row["state"], &row["workloads"]),
            (&json!("answered"), &json!(4))
        );
        assert!(
            row["milliseconds"].is_u64() && row["stale_seconds"].is_null(),
            "{row}"
        );
    }
    let totals = &whole.body["totals"];
    assert_eq!(totals["workloads"], 12);
    assert_eq!(totals["health"], json!({"healthy": 12}));
    let image = &items(&whole)[0]["images"][0];
    let uses = items(&whole).iter();
    let uses = uses.filter(|item| item["images"].as_array().unwrap().contains(image));
    let counted = totals["images"].as_array().unwrap().iter();
    let counted: Vec<_> = counted
        .filter(|counted| counted["image"] == *image)
        .collect();
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0]["workloads"], json!(uses.count()));
    assert_eq!(counted[0]["clusters"], 3);

    let without = stack
        .service
        .get("/deployments?countImages=false", &token)
        .await;
    let expected = json!({"workloads": 12, "health": {"healthy": 12}});
    assert_eq!(without.body["totals"], expected);
    assert_eq!(without.body["items"], whole.body["items"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_find_the_same_in_the_fleet_as_by_hand() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("viewer").await;
    let whole = stack.service.get("/deployments", &token).await;
    let image = items(&whole)[0]["images"][0].as_str().unwrap().to_owned();
    let (repository, tag) = image.rsplit_once(':').unwrap();
    let team = items(&whole)[0]["labels"]["team"]
        .as_str()
        .unwrap()
        .to_owned();
    let has = |item: &Value, part: &str| {
        let images = item["images"].as_array().unwrap().iter();
        images.map(|image| image.as_str().unwrap()).any(|image| {
            let (r, t) = image.rsplit_once(':').unwrap();
            image == part
                || r == part
                || r.ends_with(&format!("/{part}"))
                || format!(":{t}") == part
        })
    };
    type Holds<'a> = Box<dyn Fn(&Value) -> bool + 'a>;
    let cases: Vec<(String, Holds<'_>)> = vec![
        (
            "cluster=cluster-b".into(),
            Box::new(|i| i["cluster"] == "cluster-b"),
        ),
        (
            "cluster=*-a,cluster-b&namespace=pa*".into(),
            Box::new(|i| i["namespace"] == "pay"),
        ),
        (
            "q=fastapi-b".into(),
            Box::new(|i| i["deployment_name"] == "fastapi-b"),
        ),
        (format!("image={image}"), Box::new(|i| has(i, &image))),
        (
            format!("image={repository}"),
            Box::new(|i| has(i, repository)),
        ),
        (
            format!("image=%3A{tag}"),
            Box::new(|i| has(i, &format!(":{tag}"))),
        ),
        (
            format!("labelSelector=team%20in%20({team},x),app"),
            Box::new(|i| i["labels"]["team"] == team.as_str()),
        ),
        (
            format!("labelSelector=team!%3D{team}&namespace=default"),
            Box::new(|i| i["labels"]["team"] != team.as_str() && i["namespace"] == "default"),
        ),
        ("health=healthy".into(), Box::new(|_| true)),
        ("health=failed,paused".into(), Box::new(|_| false)),
    ];
    for (query, holds) in cases {
        let found = stack
            .service
            .get(&format!("/deployments?{query}"), &token)
            .await;
        let expected: Vec<_> = items(&whole)
            .iter()
            .filter(|item| holds(item))
            .map(name)
            .collect();
        assert_eq!(names(&found), expected, "{query}");
        assert_eq!(
            found.body["totals"]["workloads"],
            json!(expected.len()),
            "{query}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_or_counted_of_what_the_caller_may_not_see() {
    let stack = Stack::start(3).await;
    // In cluster-a the namespace pay, in cluster-b the namespace default, in cluster-c nothing.
    let token = stack.service.token("pieces").await;
    let page = stack.service.get("/deployments", &token).await;
    let seen: BTreeSet<_> = names(&page).into_iter().map(|(c, n, _)| (c, n)).collect();
    let pairs = [("cluster-a", "pay"), ("cluster-b", "default")];
    assert_eq!(
        seen,
        pairs.map(|(c, n)| (c.to_owned(), n.to_owned())).into()
    );
    assert_eq!(
        (items(&page).len(), &page.body["totals"]["workloads"]),
        (4, &json!(4))
    );
    let rows: Vec<_> = page.body["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["cluster"])
        .collect();
    assert_eq!(rows, ["cluster-a", "cluster-b"]);
    let text = page.body.to_string();
    assert!(!text.contains("cluster-c"), "{text}");
    let images: BTreeSet<_> = items(&page)
        .iter()
        .flat_map(|i| i["images"].as_array().unwrap())
        .map(Value::to_string)
        .collect();
    for counted in page.body["totals"]["images"].as_array().unwrap() {
        assert!(images.contains(&counted["image"].to_string()), "{counted}");
    }

    // By name it is as absent as one that never existed.
    let mut answers = Vec::new();
    for cluster in ["cluster-c", "cluster-z"] {
        let path = format!("/deployments?cluster={cluster}");
        answers.push(stack.service.get(&path, &token).await.body);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0]["clusters"], json!([]));
    let hidden = stack
        .service
        .get("/deployments?cluster=cluster-a&namespace=default", &token)
        .await;
    assert_eq!(hidden.body["totals"]["workloads"], 0);
    let no_grants = stack.service.token("nobody").await;
    let nothing = stack.service.get("/deployments", &no_grants).await;
    assert_eq!(
        (nothing.status, &nothing.body["clusters"]),
        (StatusCode::OK, &json!([]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_query_and_whatever_else_is_wrong_is_refused_by_its_field() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let first = stack
        .service
        .get("/deployments?limit=1&sort=age", &token)
        .await;
    let cursor = first.body["continue"].as_str().unwrap();
    let cursor_of_another = format!("sort=name&continue={cursor}");
    for (query, field) in [
        (cursor_of_another.as_str(), "continue"),
        (&format!("sort=age&q=x&continue={cursor}"), "continue"),
        ("continue=nonsense", "continue"),
        ("labelSelector=a%20in", "labelSelector"),
        ("cluster=A", "cluster"),
        ("namespace=a.b", "namespace"),
        ("sort=size", "sort"),
        ("timeout=1h", "timeout"),
        ("limit=0", "limit"),
        ("colour=red", "colour"),
    ] {
        let answer = stack
            .service
            .get(&format!("/deployments?{query}"), &token)
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(
            (answer.code(), answer.body["field"].as_str()),
            ("invalid_request", Some(field))
        );
    }
    let more = stack
        .service
        .get(
            &format!("/deployments?limit=2&sort=age&continue={cursor}"),
            &token,
        )
        .await;
    assert_eq!(items(&more).len(), 2);
}
