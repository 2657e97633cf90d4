//! The deployments of the fleet, grouped by name.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::pages::{change, pages_of};
use super::{items, names};
use crate::fleet_faults::row;
use crate::impostor::{Impostor, share};
use crate::last_known::{inventory, offline_page, stored_list};
use crate::service::Answer;
use crate::stack::Stack;

const VERBS: [&str; 1] = ["fleet.workloads"];

fn group<'a>(page: &'a Answer, name: &str) -> &'a Value {
    let found = items(page).iter().find(|item| item["name"] == *name);
    found.unwrap_or_else(|| panic!("no {name} in {page:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_count_what_the_list_shows_and_a_name_lists_its_group() {
    let stack = Stack::start(3).await;
    let token = stack.service.token("viewer").await;
    // A different version of it in one cluster.
    change(&stack, "cluster-a", Method::POST, "cart").await;
    let whole = async || {
        let page = stack.service.get("/deployments", &token).await;
        (page.body["totals"]["workloads"] == 13).then_some(page)
    };
    let whole = stack.service.until("it is in the cache", whole).await;
    let mut expected = BTreeMap::<String, (BTreeSet<String>, u64, BTreeSet<String>)>::new();
    for item in items(&whole) {
        let name = item["deployment_name"].as_str().unwrap().to_owned();
        let (clusters, deployments, versions) = expected.entry(name).or_default();
        clusters.insert(item["cluster"].to_string());
        *deployments += 1;
        versions.insert(item["images"].to_string());
    }

    let groups = stack.service.get("/workload-groups", &token).await;
    assert_eq!(groups.status, StatusCode::OK, "{groups:?}");
    assert_eq!(items(&groups).len(), expected.len());
    assert_eq!(groups.body["groups"], json!(expected.len()));
    assert_eq!(groups.body["not_grouped"], 0);
    assert_eq!(groups.body["totals"]["workloads"], 13);
    assert_eq!(groups.body["answers"], whole.body["answers"]);
    for (name, (clusters, deployments, versions)) in &expected {
        let group = group(&groups, name);
        assert_eq!(
            (&group["clusters"], &group["workloads"]),
            (&json!(clusters.len()), &json!(deployments))
        );
        assert_eq!(group["version_count"], json!(versions.len()));
        for version in group["versions"].as_array().unwrap() {
            assert!(versions.contains(&version["images"].to_string()));
        }
        let counted = group["health"].as_object().unwrap().values();
        let counted: u64 = counted.map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(counted, *deployments);

        let path = format!("/deployments?name={name}");
        let listed = stack.service.get(&path, &token).await;
        assert_eq!(listed.body["totals"]["workloads"], json!(deployments));
        assert!(names(&listed).iter().all(|(_, _, listed)| listed == name));
    }
    // A part of a name does not match.
    let part = stack.service.get("/deployments?name=fastapi", &token).await;
    assert_eq!(part.body["totals"]["workloads"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_groups_add_up_and_begin_with_the_worst() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("viewer").await;
    for name in ["one", "two"] {
        change(&stack, "cluster-b", Method::POST, name).await;
    }
    let mut teller = Impostor::heard(&stack, "teller", &VERBS).await;
    let count = |name: &str, health: &str| json!({"name": name, "images": ["x:1"], "health": health, "workloads": 2});
    let mut answer = share(&[]);
    answer["totals"] = json!({"workloads": 6, "health": {"failed": 2, "degraded": 2},
        "names": [count("two", "degraded"), count("three", "failed")], "other_names": 2});
    let _answers = teller.answers(vec![answer.to_string()]);
    stack.known(&["teller"]).await;
    let all = async || {
        let page = stack.service.get("/workload-groups", &token).await;
        // The order no longer changes.
        let settled = json!({"failed": 2, "degraded": 2, "healthy": 10});
        (page.body["totals"]["health"] == settled).then_some(page)
    };
    let all = stack.service.until("the caches are filled", all).await;
    assert_eq!(all.body["not_grouped"], 2);
    for (sort, first) in [
        ("health", &["three", "two"][..]),
        ("-health", &[]),
        ("name", &[]),
        ("-name", &["two", "three"]),
    ] {
        let query = format!("sort={sort}&limit=3");
        let pages = pages_of(&stack, &token, "/workload-groups", &query, None).await;
        let shown: Vec<_> = pages
            .iter()
            .flat_map(items)
            .map(|group| group["name"].as_str().unwrap())
            .collect();
        let distinct: BTreeSet<_> = shown.iter().collect();
        assert_eq!(shown.len(), items(&all).len(), "{sort}");
        assert_eq!(distinct.len(), shown.len(), "{sort}");
        assert_eq!(&shown[..first.len()], first, "{sort}");
        if sort == "name" {
            assert!(shown.is_sorted(), "{shown:?}");
        }
    }
    let two = group(&all, "two");
    assert_eq!(
        (&two["clusters"], &two["version_count"]),
        (&json!(2), &json!(2))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_count_nothing_that_the_caller_may_not_see() {
    let stack = Stack::start(3).await;
    // In cluster-a the namespace pay, in cluster-b the namespace default, in cluster-c nothing.
    let token = stack.service.token("pieces").await;
    let list = stack.service.get("/deployments", &token).await;
    let page = stack.service.get("/workload-groups", &token).await;
    let seen: BTreeSet<_> = names(&list).into_iter().map(|(_, _, name)| name).collect();
    let grouped: BTreeSet<_> = items(&page)
        .iter()
        .map(|group| group["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(grouped, seen);
    let counted = items(&page)
        .iter()
        .map(|group| group["workloads"].as_u64().unwrap());
    assert_eq!(counted.sum::<u64>(), 4);
    assert_eq!(page.body["totals"]["workloads"], 4);
    assert!(!page.body.to_string().contains("cluster-c"), "{page:?}");
    let no_grants = stack.service.token("nobody").await;
    let nothing = stack.service.get("/workload-groups", &no_grants).await;
    assert_eq!(nothing.body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_offline_is_counted_as_last_known_and_an_old_agent_refuses() {
    let mut stack = Stack::start(2).await;
    let token = stack.service.token("viewer").await;
    let inventory = inventory(&stack).await;
    stored_list(&stack, &inventory, "cluster-b", |_, stored| {
        stored.workloads == 4
    })
    .await;
    stack.agents.remove(1).stop().await;
    let list = offline_page(&stack.service, &token, "cluster-b").await;
    let _old = Impostor::heard(&stack, "old", &["deployments"]).await;
    stack.known(&["old"]).await;

    let page = stack.service.get("/workload-groups", &token).await;
    assert_eq!(row(&page, "cluster-b")["state"], "offline");
    assert_eq!(row(&page, "cluster-b")["workloads"], 4);
    let lost = items(&list)
        .iter()
        .filter(|item| item["cluster"] == "cluster-b");
    for item in lost {
        let group = group(&page, item["deployment_name"].as_str().unwrap());
        assert_eq!(group["offline_clusters"], 1, "{group}");
        assert!(group["health"]["unknown"].as_u64() >= Some(1), "{group}");
    }
    for path in ["/workload-groups", "/deployments?name=cart"] {
        let page = stack.service.get(path, &token).await;
        let old = row(&page, "old");
        assert_eq!(
            (&old["state"], &old["code"]),
            (&json!("refused"), &json!("agent_too_old")),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_question_for_groups_is_refused_by_its_field() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let list = stack.service.get("/deployments?limit=1", &token).await;
    let cursor_of_a_list = list.body["continue"].as_str().unwrap();
    for (query, field) in [
        (format!("continue={cursor_of_a_list}").as_str(), "continue"),
        ("sort=age", "sort"),
        ("name=A", "name"),
        ("countImages=false", "countImages"),
        ("limit=0", "limit"),
        ("colour=red", "colour"),
    ] {
        let path = format!("/workload-groups?{query}");
        let answer = stack.service.get(&path, &token).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.body["field"], *field, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_counts_what_is_no_name_spoils_its_own_row() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let mut liar = Impostor::heard(&stack, "liar", &VERBS).await;
    let mut answer = share(&[]);
    answer["totals"]["names"] =
        json!([{"name": "<b>", "images": [], "health": "failed", "workloads": 1}]);
    let _answers = liar.answers(vec![answer.to_string()]);
    stack.known(&["liar"]).await;
    let page = stack.service.get("/workload-groups", &token).await;
    assert_eq!(row(&page, "liar")["state"], "misbehaving", "{page:?}");
    assert_eq!(page.body["answers"]["answered"], 1);
    assert!(!page.body["items"].to_string().contains("<b>"));
}
