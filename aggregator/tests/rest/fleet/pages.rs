//! The pages of a list over the whole fleet.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{items, name, names};
use crate::service::Answer;
use crate::stack::Stack;

/// The pages of a query, starting after this cursor if there is one.
pub async fn pages(stack: &Stack, token: &str, query: &str, cursor: Option<&str>) -> Vec<Answer> {
    pages_of(stack, token, "/deployments", query, cursor).await
}

/// The same for another list.
pub async fn pages_of(
    stack: &Stack,
    token: &str,
    list: &str,
    query: &str,
    cursor: Option<&str>,
) -> Vec<Answer> {
    let (mut pages, mut next) = (Vec::<Answer>::new(), cursor.map(ToOwned::to_owned));
    loop {
        let from = next.map(|cursor| format!("&continue={cursor}"));
        let path = format!("{list}?{query}{}", from.unwrap_or_default());
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
            "name" => assert!(by("name").is_sorted()),
            "-name" => assert!(by("name").is_sorted_by(|a, b| a >= b)),
            "age" => assert!(by("created_at").is_sorted_by(|a, b| a >= b)),
            "-age" => assert!(by("created_at").is_sorted()),
            _ => {}
        }
    }
}

/// Creates or deletes a deployment in a simulated cluster.
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
                (whole.body["totals"]["workloads"] == expected).then_some(())
            })
            .await;
    };
    count(9).await;
    let first = stack.service.get("/deployments?limit=3", &token).await;
    assert_eq!(names(&first)[0].2, "aa-goes");
    // The cursor's own deployment, one before it and one after it.
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
