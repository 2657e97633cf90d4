use serde_json::json;

use crate::service::Service;
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn every_read_answers_from_its_cluster() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("viewer").await;
    let (namespace, name) = stack.healthy("cluster-a").await;

    let clusters = stack.service.get("/clusters", &token).await;
    assert_eq!(clusters.body["items"][0]["cluster"], "cluster-a");
    let uid = stack.sim.cluster("cluster-a").uid();
    assert_eq!(clusters.body["items"][0]["cluster_uid"], json!(uid));

    let target = format!("/workloads/cluster-a/{namespace}/Deployment/{name}");
    let workload = stack.service.get(&target, &token).await;
    assert_eq!(
        workload.body["deployment_name"],
        json!(name),
        "{workload:?}"
    );
    assert!(workload.body["uid"].is_string(), "{workload:?}");
    assert!(workload.body["containers"][0]["image"].is_string());
    let other_kind = format!("/workloads/cluster-a/{namespace}/CronJob/{name}");
    let refused = stack.service.get(&other_kind, &token).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (400, "invalid_request")
    );
    assert_eq!(refused.body["field"], "kind", "{refused:?}");
    let rollout = stack
        .service
        .get(&format!("{target}/rollout"), &token)
        .await;
    assert_eq!(rollout.body["state"], "complete", "{rollout:?}");
    let pods = stack.service.get(&format!("{target}/pods"), &token).await;
    let replicas = rollout.body["replicas"].as_u64().unwrap();
    assert_eq!(
        pods.body["items"].as_array().unwrap().len() as u64,
        replicas,
        "{pods:?}"
    );
    let events = stack.service.get(&format!("{target}/events"), &token).await;
    assert!(events.body["items"].is_array(), "{events:?}");

    let body =
        json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name, "tail": 3});
    let log = stack.service.post("/log", &token, &body).await;
    let lines = log.body["lines"]
        .as_array()
        .unwrap_or_else(|| panic!("{log:?}"));
    assert!(!lines.is_empty() && lines[0]["text"].is_string(), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_seen_answers_as_if_it_did_not_exist() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("restarter-b").await;
    let list = stack.service.get("/clusters", &token).await;
    let names: Vec<_> = list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["cluster"])
        .collect();
    assert_eq!(names, ["cluster-b"]);

    let mut hidden = stack.service.get("/namespaces/cluster-a", &token).await;
    let mut absent = stack.service.get("/namespaces/cluster-z", &token).await;
    assert_eq!(hidden.code(), "cluster_unknown");
    for answer in [&mut hidden, &mut absent] {
        let text = answer.body["detail"]
            .as_str()
            .unwrap()
            .replace("cluster-a", "cluster-z");
        answer.body["detail"] = json!(text);
        answer.body["request_id"] = json!("");
    }
    assert_eq!(hidden.body, absent.body);

    let no_grants = stack.service.token("nobody").await;
    assert_eq!(
        stack.service.get("/clusters", &no_grants).await.body["items"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_deployments_add_up() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let namespaces = stack.service.get("/namespaces/cluster-a", &token).await;
    for item in namespaces.body["items"].as_array().unwrap() {
        let path = format!(
            "/deployments/cluster-a/{}",
            item["namespace"].as_str().unwrap()
        );
        let whole = stack.service.get(&path, &token).await.body["items"]
            .as_array()
            .unwrap()
            .clone();
        let (mut collected, mut next) = (vec![], None::<String>);
        loop {
            let more = next
                .map(|next| format!("&continue={next}"))
                .unwrap_or_default();
            let page = stack
                .service
                .get(&format!("{path}?limit=1{more}"), &token)
                .await;
            collected.extend(page.body["items"].as_array().unwrap().clone());
            match page.body["continue"].as_str() {
                Some(token) => next = Some(token.replace('/', "%2F")),
                None => break,
            }
        }
        assert_eq!(collected, whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offline_cluster_is_still_known_after_the_aggregator_restarts() {
    let mut stack = Stack::start(1).await;
    stack.agents.remove(0).stop().await;
    let token = stack.service.token("admin").await;
    let presence = async |service: &Service| {
        let list = service.get("/clusters", &token).await;
        list.body["items"][0]["presence"]
            .as_str()
            .map(ToOwned::to_owned)
    };
    let offline =
        async || (presence(&stack.service).await.as_deref() == Some("offline")).then_some(());
    stack.service.until("the cluster has left", offline).await;
    // A heartbeat is persisted a moment after it is shown.
    stack
        .service
        .until("a second aggregator knows the cluster", async || {
            let second = Service::start(&stack.dir, &stack.nats.url()).await;
            let shown = presence(&second).await;
            assert_ne!(shown.as_deref(), Some("online"));
            shown
        })
        .await;
}
