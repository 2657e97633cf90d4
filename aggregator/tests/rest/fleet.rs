//! The whole fleet in one call: what is shown to whom, in which order and on which page.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::stack::{Answer, Stack};

/// Cluster, namespace and name.
pub type Name = (String, String, String);

pub fn items(answer: &Answer) -> &Vec<Value> {
    let items = answer.body["items"].as_array();
    items.unwrap_or_else(|| panic!("no items: {answer:?}"))
}

fn name(item: &Value) -> Name {
    let text = |field: &str| item[field].as_str().expect("a name").to_owned();
    (text("cluster"), text("namespace"), text("deployment_name"))
}

pub fn names(answer: &Answer) -> Vec<Name> {
    items(answer).iter().map(name).collect()
}

/// The pages of a query, from this cursor on if there is one.
pub async fn pages(stack: &Stack, token: &str, query: &str, cursor: Option<&str>) -> Vec<Answer> {
    let (mut pages, mut next) = (Vec::<Answer>::new(), cursor.map(ToOwned::to_owned));
    loop {
        let from = next.map(|cursor| format!("&continue={cursor}"));
        let path = format!("/deployments?{query}{}", from.unwrap_or_default());
        let page = stack.service.get(&path, token).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        next = page.body["continue"].as_str().map(ToOwned::to_owned);
        pages.push(page);
        if next.is_none() {
            return pages;
        }
    }
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
            (&row["state"], &row["deployments"]),
            (&json!("answered"), &json!(4))
        );
        assert!(
            row["milliseconds"].is_u64() && row["stale_seconds"].is_null(),
            "{row}"
        );
    }
    let totals = &whole.body["totals"];
    assert_eq!(totals["deployments"], 12);
    assert_eq!(totals["health"], json!({"healthy": 12}));
    let image = &items(&whole)[0]["images"][0];
    let uses = items(&whole).iter();
    let uses = uses.filter(|item| item["images"].as_array().unwrap().contains(image));
    let counted = totals["images"].as_array().unwrap().iter();
    let counted: Vec<_> = counted
        .filter(|counted| counted["image"] == *image)
        .collect();
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0]["deployments"], json!(uses.count()));
    assert_eq!(counted[0]["clusters"], 3);

    let without = stack
        .service
        .get("/deployments?countImages=false", &token)
        .await;
    let expected = json!({"deployments": 12, "health": {"healthy": 12}});
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
            found.body["totals"]["deployments"],
            json!(expected.len()),
            "{query}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_fleet_add_up_in_every_order() {
    let stack = Stack::start(3).await;
    let token = stack.service.token("viewer").await;
    let text = |item: &Value, field: &str| item[field].as_str().unwrap_or_default().to_owned();
    for sort in ["name", "-name", "age", "-age", "health", "restarted_at"] {
        let pages = pages(&stack, &token, &format!("sort={sort}&limit=5"), None).await;
        let sizes: Vec<_> = pages.iter().map(|page| items(page).len()).collect();
        assert_eq!(sizes, [5, 5, 2], "{sort}");
        let shown: Vec<&Value> = pages.iter().flat_map(items).collect();
        let distinct: BTreeSet<_> = shown.iter().map(|item| name(item)).collect();
        assert_eq!(distinct.len(), 12, "{sort}");
        let by = |field: &str| shown.iter().map(|i| text(i, field)).collect::<Vec<_>>();
        match sort {
            "name" => assert!(by("deployment_name").is_sorted()),
            "-name" => assert!(by("deployment_name").is_sorted_by(|a, b| a >= b)),
            "age" => assert!(by("created_at").is_sorted_by(|a, b| a >= b)),
            "-age" => assert!(by("created_at").is_sorted()),
            _ => {}
        }
    }
}

/// Makes or deletes a deployment in a simulated cluster.
pub async fn change(stack: &Stack, cluster: &str, method: Method, name: &str) {
    let deployments = "/apis/apps/v1/namespaces/pay/deployments";
    let labels = json!({"app": name});
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels}, "spec": {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}});
    let (path, body) = match method {
        Method::POST => (deployments.to_owned(), object.to_string()),
        _ => (format!("{deployments}/{name}"), String::new()),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    let router = stack.sim.cluster(cluster).router();
    let answer = router
        .oneshot(request.body(Body::from(body)).expect("a request"))
        .await
        .expect("the simulation always answers");
    assert!(answer.status().is_success(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_and_goes_between_pages_neither_hides_nor_doubles_what_stays() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("viewer").await;
    let stays: BTreeSet<_> = names(&stack.service.get("/deployments", &token).await)
        .into_iter()
        .collect();
    change(&stack, "cluster-a", Method::POST, "aa-goes").await;
    let count = async |expected: u64| {
        stack
            .service
            .until("the change is seen", async || {
                let whole = stack.service.get("/deployments", &token).await;
                (whole.body["totals"]["deployments"] == expected).then_some(())
            })
            .await;
    };
    count(9).await;
    let first = stack.service.get("/deployments?limit=3", &token).await;
    assert_eq!(names(&first)[0].2, "aa-goes");
    // The cursor's own deployment, one before it and one behind it.
    let last = names(&first).pop().unwrap();
    change(&stack, "cluster-a", Method::DELETE, "aa-goes").await;
    change(&stack, "cluster-a", Method::POST, "aa-late").await;
    change(&stack, "cluster-b", Method::POST, "zz-comes").await;
    count(10).await;
    let next = first.body["continue"].as_str().unwrap();
    let rest = pages(&stack, &token, "limit=3", Some(next)).await;
    let mut shown = names(&first);
    shown.extend(rest.iter().flat_map(names));
    let distinct: BTreeSet<_> = shown.iter().cloned().collect();
    assert_eq!(distinct.len(), shown.len(), "{shown:?}");
    assert!(distinct.is_superset(&stays), "{shown:?}");
    assert!(shown.iter().any(|name| name.2 == "zz-comes"));
    assert!(!rest.iter().flat_map(names).any(|name| name == last));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_or_counted_of_what_the_caller_may_not_see() {
    let stack = Stack::start(3).await;
    // Of cluster-a the namespace pay, of cluster-b the namespace default, of cluster-c nothing.
    let token = stack.service.token("pieces").await;
    let page = stack.service.get("/deployments", &token).await;
    let seen: BTreeSet<_> = names(&page).into_iter().map(|(c, n, _)| (c, n)).collect();
    let pairs = [("cluster-a", "pay"), ("cluster-b", "default")];
    assert_eq!(
        seen,
        pairs.map(|(c, n)| (c.to_owned(), n.to_owned())).into()
    );
    assert_eq!(
        (items(&page).len(), &page.body["totals"]["deployments"]),
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

    // By its name it is as absent as one that was never there.
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
    assert_eq!(hidden.body["totals"]["deployments"], 0);
    let nobody = stack.service.token("nobody").await;
    let nothing = stack.service.get("/deployments", &nobody).await;
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
