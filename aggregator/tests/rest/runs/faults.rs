//! Runs in trouble: failing targets, clusters that go and come back, replicas that are cut off.

use axum::http::StatusCode;
use k8s_sim::{Fault, Kind, Verb};
use serde_json::json;
use xtask::proxy::TcpProxy;

use super::{preview, quick, restart, revisions, run_in, start, targets, with};
use crate::service::Service;
use crate::stack::{RunningAgent, Stack};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_stops_at_its_failures_before_the_next_wave_and_a_retry_completes_it() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let faults = stack.sim.cluster("cluster-a").faults();
    faults.set(Fault::forbid(Verb::Patch, Kind::Deployment));
    let path = start(service, &token, &restart()).await;
    let paused = run_in(service, &token, &path, "paused").await;
    assert_eq!(
        (&paused["counts"]["failed"], &paused["wave"]),
        (&json!(1), &json!(0)),
        "{paused}"
    );
    let failed = service
        .get(&format!("{path}/targets?state=failed"), &token)
        .await;
    let reason = failed.body["items"][0]["reason"]
        .as_str()
        .expect("a reason");
    assert!(
        reason.contains("may not patch") || reason.contains("forbidden"),
        "{reason}"
    );

    faults.clear();
    let retried = service
        .post(&format!("{path}/retry"), &token, &json!({}))
        .await;
    assert_eq!(retried.status, StatusCode::OK, "{retried:?}");
    let ended = run_in(service, &token, &path, "succeeded").await;
    assert_eq!(ended["counts"], json!({ "succeeded": ended["targets"] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_whose_cluster_is_offline_is_left_out_or_waits_until_it_is_back() {
    let mut stack = Stack::start(2).await;
    let token = stack.service.token("admin").await;
    let all = preview(&stack.service, &token, &restart()).await.body["targets"].as_u64();
    stack.agents.remove(1).kill();
    let of_one = stack
        .service
        .until("the cluster is offline", async || {
            let preview = preview(&stack.service, &token, &restart()).await;
            (preview.body["targets"].as_u64() < all).then_some(preview.body)
        })
        .await;
    assert_eq!(of_one["clusters"], 1, "{of_one}");

    // Its deployments are not healthy but unknown now.
    let policy = |policy: &str| {
        let strategy = with(quick(), json!({ "offline": policy }));
        json!({ "action": "restart", "targets": {}, "strategy": strategy })
    };
    let left_out = preview(&stack.service, &token, &policy("skip")).await;
    let reasons = left_out.body["skipped"].as_array().expect("some");
    assert!(
        reasons
            .iter()
            .any(|it| it["reason"] == "its cluster is offline"),
        "{left_out:?}"
    );
    let refused = preview(&stack.service, &token, &policy("fail")).await;
    assert_eq!(refused.code(), "cluster_offline");

    let waits = json!({ "targets": { "clusters": ["cluster-b"] } });
    let path = start(&stack.service, &token, &with(policy("wait"), waits)).await;
    stack
        .service
        .until("all wait", async || {
            let run = stack.service.get(&path, &token).await.body;
            (run["counts"]["waiting"] == run["targets"]).then_some(())
        })
        .await;
    let agent = stack.agent("cluster-b", "cluster-b", &stack.nats.url());
    stack.agents.push(agent);
    stack
        .service
        .until("those that can be restarted are", async || {
            let run = stack.service.get(&path, &token).await.body;
            (run["counts"]["succeeded"].as_u64() >= Some(1)).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_takes_a_run_over_from_one_that_is_cut_off_and_changes_nothing_twice() {
    let stack = Stack::start(2).await;
    let proxy = TcpProxy::start(stack.nats.address()).await.unwrap();
    let token = stack.service.token("admin").await;
    let before = revisions(&stack.service, &token).await;
    // Nobody but the replica behind the proxy may begin: the other one knows of the run only after that.
    let behind = Service::start(&stack.dir, &format!("nats://{}", proxy.addr())).await;
    behind.online(2, &token).await;
    let strategy = with(
        quick(),
        json!({ "max_concurrency": 1, "min_success_time": "1s" }),
    );
    let body = with(restart(), json!({ "strategy": strategy }));
    let path = start(&behind, &token, &body).await;
    run_in(&behind, &token, &path, "running").await;
    proxy.reset();
    let ended = run_in(&stack.service, &token, &path, "succeeded").await;
    proxy.heal();
    assert_eq!(ended["counts"], json!({ "succeeded": ended["targets"] }));
    let expected: Vec<_> = before.into_values().map(|revision| revision + 1).collect();
    let after: Vec<_> = revisions(&stack.service, &token)
        .await
        .into_values()
        .collect();
    assert_eq!(after, expected, "one new revision of each");
}

/// As after the death of the replica that began it: the record is `starting`, and the audit has the outcome.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_whose_change_has_failed_is_not_changed_once_more_by_the_next_runner() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let before = revisions(service, &token).await;
    let missing =
        json!({ "cluster": "cluster-a", "namespace": "default", "deployment_name": "my.app" });
    let failed = service.post("/restart", &token, &missing).await;
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let path = start(
        service,
        &token,
        &with(restart(), json!({ "not_before": later })),
    )
    .await;
    service
        .post(&format!("{path}/abort"), &token, &json!({}))
        .await;
    run_in(service, &token, &path, "aborted").await;

    let record =
        json!({ "state": "starting", "attempt": 1, "operation_id": failed.body["operation_id"] });
    let runs = async_nats::jetstream::new(stack.admin().await)
        .get_key_value("runs")
        .await
        .unwrap();
    let key = format!("{}.target.0", path.trim_start_matches("/runs/"));
    runs.put(key, record.to_string().into()).await.unwrap();
    let retry = json!({ "states": ["cancelled"] });
    let retried = service.post(&format!("{path}/retry"), &token, &retry).await;
    assert_eq!(retried.status, StatusCode::OK, "{retried:?}");
    let ended = service
        .until("it has failed", async || {
            let run = service.get(&path, &token).await.body;
            (run["counts"]["failed"] == 1).then_some(run)
        })
        .await;
    assert_eq!(ended["counts"]["succeeded"], json!(null), "{ended}");
    let target = targets(service, &token, &path).await.remove(0);
    assert_eq!(
        (&target["state"], &target["attempt"]),
        (&json!("failed"), &json!(1)),
        "{target}"
    );
    assert_eq!(
        revisions(service, &token).await,
        before,
        "nothing was changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_somebody_else_restarts_meanwhile_is_superseded() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    let strategy = with(quick(), json!({ "min_success_time": "1h" }));
    let path = start(
        service,
        &token,
        &with(restart(), json!({ "strategy": strategy })),
    )
    .await;
    let begun = service
        .until("the canary is watched", async || {
            let targets = targets(service, &token, &path).await;
            targets
                .into_iter()
                .find(|target| target["state"] == "soaking")
        })
        .await;
    let restart = json!({ "cluster": begun["cluster"], "namespace": begun["namespace"], "deployment_name": begun["deployment_name"] });
    let restarted = service.post("/restart", &token, &restart).await;
    assert_eq!(restarted.status, StatusCode::OK, "{restarted:?}");
    let superseded = service
        .until("it is superseded", async || {
            let targets = targets(service, &token, &path).await;
            targets
                .into_iter()
                .find(|target| target["state"] == "superseded")
        })
        .await;
    let reason = superseded["reason"].as_str().expect("a reason");
    let newer = restarted.body["operation_id"].as_str().expect("an id");
    assert!(reason.contains(newer), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_while_its_cluster_has_as_many_rollouts_as_its_agent_allows() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let at_once = json!({ "strategy": { "max_concurrency": "100%", "max_concurrency_per_cluster": 100,
        "canary": null, "min_success_time": "0s" } });
    let body = with(restart(), at_once);
    let plan = preview(&stack.service, &token, &body).await.body;
    assert_eq!(plan["waves"], 1, "{plan}");
    let all = plan["targets"].as_u64().expect("a number");
    stack.agents.remove(0).stop().await;
    let config = agent::Config {
        max_rollouts: usize::try_from(all - 1).expect("few"),
        ..stack.config("cluster-a", "cluster-a", &stack.nats.url())
    };
    stack.agents.push(RunningAgent::start(config));
    stack.online(1).await;

    let service = &stack.service;
    let path = start(service, &token, &body).await;
    let ended = run_in(service, &token, &path, "succeeded").await;
    assert_eq!(ended["counts"], json!({ "succeeded": all }));
    let targets = targets(service, &token, &path).await;
    let again = targets
        .iter()
        .filter(|it| it["attempt"].as_u64() > Some(1))
        .count();
    assert!(again > 0, "{targets:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_pulled_in_the_second_wave_stops_the_run_before_the_third() {
    let stack = Stack::start(1).await;
    let (service, token) = (&stack.service, stack.service.token("admin").await);
    // One wave each, in the order of their names.
    let before = revisions(service, &token).await;
    let only: Vec<&String> = before.keys().take(3).collect();
    assert_eq!(only.len(), 3, "{before:?}");
    let mut names = only[1].splitn(3, '/');
    let [cluster, namespace, name] = [(); 3].map(|()| names.next().expect("a name"));
    let workload = format!("/workloads/{cluster}/{namespace}/Deployment/{name}");
    let container = service.get(&workload, &token).await.body["containers"][0].clone();
    let images =
        json!([{ "container": container["container"], "image": "shop/cart:does-not-exist" }]);
    let target = json!({ "cluster": cluster, "namespace": namespace, "deployment_name": name });
    let changed = service
        .post("/image", &token, &with(target, json!({ "images": images })))
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
    let strategy = json!({ "canary": null, "max_concurrency": 1, "min_success_time": "0s", "progress_deadline": "5s" });
    let body = json!({
        "action": "restart", "strategy": strategy, "targets": { "only": only },
    });
    let path = start(service, &token, &body).await;
    let paused = run_in(service, &token, &path, "paused").await;
    let counts = json!({ "succeeded": 1, "failed": 1, "pending": 1 });
    assert_eq!(
        (&paused["counts"], &paused["wave"]),
        (&counts, &json!(1)),
        "{paused}"
    );
    let targets = targets(service, &token, &path).await;
    let reason = targets[1]["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("ImagePullBackOff") || reason.contains("ErrImagePull"),
        "{reason}"
    );
    assert_eq!(targets[2]["attempt"], 0, "{targets:?}");
    let after = revisions(service, &token).await;
    assert_eq!(after[only[0]], before[only[0]] + 1);
    assert_eq!(after[only[2]], before[only[2]]);
}
