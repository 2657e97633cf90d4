use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use xtask::proxy::TcpProxy;

use crate::service::Service;
use crate::stack::Stack;

fn body(namespace: &str, name: &str) -> Value {
    json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name})
}

pub async fn restarted_at(
    service: &Service,
    token: &str,
    namespace: &str,
    name: &str,
) -> Option<Value> {
    let answer = service
        .get(
            &format!("/workloads/cluster-a/{namespace}/Deployment/{name}/rollout"),
            token,
        )
        .await;
    (answer.status == StatusCode::OK).then(|| answer.body["restarted_at"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_is_offline_at_once_and_back_at_once() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    stack.agents.remove(0).kill();
    let refused = async || {
        let answer = stack.service.get("/namespaces/cluster-a", &token).await;
        (answer.status == StatusCode::SERVICE_UNAVAILABLE).then_some(answer)
    };
    let refused = stack.service.until("the agent is gone", refused).await;
    assert_eq!(refused.code(), "cluster_offline");
    assert_eq!(refused.body["hop"], "bus");
    let agent = stack.agent("cluster-a", "cluster-a", &stack.nats.url());
    stack.agents.push(agent);
    stack
        .service
        .until("the agent is back", async || {
            let answer = stack.service.get("/namespaces/cluster-a", &token).await;
            (answer.status == StatusCode::OK).then_some(())
        })
        .await;
}

/// The ghost restart: the aggregator is disconnected, gives up, and its request arrives when the link heals.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_ordered_into_a_cut_line_is_never_carried_out() {
    let stack = Stack::start(1).await;
    let proxy = TcpProxy::start(stack.nats.address()).await.unwrap();
    let behind = Service::start(&stack.dir, &format!("nats://{}", proxy.addr())).await;
    let token = behind.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    behind
        .until("the cluster is online through the proxy", async || {
            restarted_at(&behind, &token, &namespace, &name).await
        })
        .await;

    proxy.cut();
    let answer = behind
        .post("/restart", &token, &body(&namespace, &name))
        .await;
    // The intent could not be recorded, so nothing was sent.
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable")
    );
    let operation = answer.body["operation_id"].clone();
    // A cut cable is detected after about 30 s, by unanswered pings.
    let noticed = async || (!behind.app.link.is_up()).then_some(());
    behind.until("the cut is detected", noticed).await;
    let refused = behind
        .post("/restart", &token, &body(&namespace, &name))
        .await;
    assert_eq!(refused.code(), "bus_unavailable");
    proxy.heal();
    behind
        .until("the link is healed", async || {
            restarted_at(&behind, &token, &namespace, &name).await
        })
        .await;
    let settled = async || {
        let audit = behind.get("/audit?verb=restart", &token).await;
        let items = audit.body["items"].as_array()?.clone();
        let line = items.iter().find(|line| line["operation_id"] == operation);
        // Depends on which replica checks first: this one knows that nothing was sent, the other that nothing was done.
        let ended = |line: &Value| line["outcome"] == "failed" || line["outcome"] == "expired";
        line.is_none_or(ended).then_some(())
    };
    behind
        .until("nothing is pending in the audit", settled)
        .await;
    assert_eq!(
        restarted_at(&behind, &token, &namespace, &name).await,
        Some(Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_back_after_the_broker_restarts() {
    let mut stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    stack.nats.kill().await.unwrap();
    let disconnected = async || (!stack.service.app.link.is_up()).then_some(());
    stack
        .service
        .until("the bus is disconnected", disconnected)
        .await;
    assert_eq!(
        stack.service.get("/readyz", "").await.code(),
        "bus_unavailable"
    );
    assert_eq!(stack.service.get("/livez", "").await.status, StatusCode::OK);
    let read = stack.service.get("/namespaces/cluster-a", &token).await;
    assert_eq!(
        (read.status, read.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "bus_unavailable")
    );
    assert_eq!(
        stack.service.get("/clusters", &token).await.status,
        StatusCode::OK
    );

    stack.nats.restart().await.unwrap();
    for cluster in ["cluster-a", "cluster-b"] {
        stack
            .service
            .until("the cluster answers again", async || {
                let answer = stack
                    .service
                    .get(&format!("/namespaces/{cluster}"), &token)
                    .await;
                (answer.status == StatusCode::OK).then_some(())
            })
            .await;
    }
    let (namespace, name) = stack.healthy("cluster-a").await;
    let restarted = async || {
        let answer = stack
            .service
            .post("/restart", &token, &body(&namespace, &name))
            .await;
        (answer.status == StatusCode::OK).then_some(())
    };
    stack
        .service
        .until("a restart works again", restarted)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_cluster_of_the_same_name_is_shown_and_gets_no_restart() {
    let mut stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let rival = stack.agent("cluster-a", "cluster-b", &stack.nats.url());
    stack.agents.push(rival);
    let contested = async || {
        let list = stack.service.get("/clusters", &token).await;
        let conditions = list.body["items"][0]["conditions"].as_array()?.clone();
        conditions
            .into_iter()
            .find(|condition| condition["type"] == "identity_conflict")
    };
    stack
        .service
        .until("the conflict is shown", contested)
        .await;
    let answer = stack
        .service
        .post("/restart", &token, &body(&namespace, &name))
        .await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::CONFLICT, "identity_conflict")
    );
}

/// The uid bound to a name outlives every agent and every aggregator.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_belongs_to_its_first_cluster_even_when_only_a_second_one_is_left() {
    let mut stack = Stack::start(2).await;
    let (namespace, name) = stack.healthy("cluster-b").await;
    let inventory = crate::last_known::inventory(&stack).await;
    crate::last_known::stored_list(&stack, &inventory, "cluster-a", |_, stored| {
        stored.workloads == 4
    })
    .await;
    let first = stack.agents.remove(0);
    first.stop().await;
    let rival = stack.agent("cluster-a", "cluster-b", &stack.nats.url());
    stack.agents.push(rival);
    let later = Service::start(&stack.dir, &stack.nats.url()).await;
    let token = later.token("admin").await;
    let contested = async || {
        let list = later.get("/clusters", &token).await;
        let cluster = list.body["items"][0].clone();
        let conditions = cluster["conditions"].as_array()?;
        let conflict = conditions
            .iter()
            .find(|one| one["type"] == "identity_conflict");
        conflict.and(cluster["presence"].as_str().map(str::to_owned))
    };
    let presence = later.until("the conflict is shown", contested).await;
    assert_ne!(presence, "online");
    // The first one is shown, which is offline.
    let page = crate::last_known::offline_page(&later, &token, "cluster-a").await;
    let known: bus_schema::ClusterName = "cluster-a".parse().unwrap();
    let stored = inventory.stored(&known, None).expect("a list");
    assert_eq!(stored.cluster_uid, stack.sim.clusters()[0].uid());
    assert_eq!(crate::fleet::items(&page).len(), 8);
    let body = json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name});
    let answer = later.post("/restart", &token, &body).await;
    assert_eq!(answer.code(), "identity_conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_api_server_of_one_cluster_does_not_delay_another() {
    let stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-b").await;
    stack
        .sim
        .cluster("cluster-a")
        .faults()
        .set(k8s_sim::Fault::hang());
    let hanging = stack
        .service
        .open("/workloads/cluster-a/default/Deployment/x/pods", &token);
    let path = format!("/workloads/cluster-b/{namespace}/Deployment/{name}/rollout");
    let answered = stack.service.get(&path, &token);
    tokio::select! {
        biased;
        answer = answered => assert_eq!(answer.status, StatusCode::OK),
        slow = hanging => panic!("the hanging cluster answered first: {slow:?}"),
    }
    tokio::time::timeout(
        Duration::from_secs(60),
        stack.service.get("/clusters", &token),
    )
    .await
    .unwrap();
}
