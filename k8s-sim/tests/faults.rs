//! Fault injection as a client sees it.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_sim::{Fault, Kind, Simulation, Verb};
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::Status;
use kube::{Api, Client};
use tokio::time::{Instant, timeout};

async fn simulation() -> (Simulation, Api<Deployment>) {
    let simulation = Simulation::builder()
        .without_listeners()
        .deployments(1)
        .start()
        .await;
    let simulation = simulation.expect("nothing to listen on");
    let deployments = Api::default_namespaced(simulation.cluster("cluster-a").client());
    (simulation, deployments)
}

fn set(simulation: &Simulation, fault: Fault) {
    simulation.cluster("cluster-a").faults().set(fault);
}

fn status<T: std::fmt::Debug>(result: kube::Result<T>) -> Status {
    match result {
        Err(kube::Error::Api(status)) => *status,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn latency_delays_and_then_serves() {
    let (simulation, deployments) = simulation().await;
    set(&simulation, Fault::latency(Duration::from_millis(200)));
    let started = Instant::now();
    deployments.get("fastapi-a").await.unwrap();
    assert_eq!(started.elapsed().as_millis() / 10, 20);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_server_never_answers() {
    let (simulation, deployments) = simulation().await;
    set(&simulation, Fault::hang());
    let answer = timeout(Duration::from_secs(3600), deployments.get("fastapi-a"));
    assert!(answer.await.is_err());
}

#[tokio::test]
async fn too_many_requests_say_when_to_retry() {
    let (simulation, deployments) = simulation().await;
    set(&simulation, Fault::too_many_requests(3));
    let refused = status(deployments.get("fastapi-a").await);
    assert_eq!(
        (refused.code, refused.reason.as_str()),
        (429, "TooManyRequests")
    );
    assert_eq!(refused.details.unwrap().retry_after_seconds, 3);
}

#[tokio::test]
async fn a_missing_permission_is_reported_like_by_the_real_server() {
    let (simulation, deployments) = simulation().await;
    set(&simulation, Fault::forbid(Verb::Patch, Kind::Deployment));
    assert!(deployments.get("fastapi-a").await.is_ok());
    let patch = Patch::Merge(serde_json::json!({}));
    let refused = status(
        deployments
            .patch("fastapi-a", &PatchParams::default(), &patch)
            .await,
    );
    assert_eq!((refused.code, refused.reason.as_str()), (403, "Forbidden"));
    assert_eq!(
        refused.message,
        "deployments.apps \"fastapi-a\" is forbidden: User \"system:serviceaccount:mca:agent\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"default\""
    );
}

#[tokio::test]
async fn a_fault_can_strike_a_number_of_times() {
    let (simulation, deployments) = simulation().await;
    set(&simulation, Fault::status(500).times(2));
    for _ in 0..2 {
        assert_eq!(status(deployments.get("fastapi-a").await).code, 500);
    }
    assert!(deployments.get("fastapi-a").await.is_ok());
}

#[tokio::test]
async fn a_fault_of_everything_strikes_the_version_too() {
    let (simulation, _) = simulation().await;
    set(&simulation, Fault::status(401));
    let client: Client = simulation.cluster("cluster-a").client();
    assert_eq!(
        status(client.apiserver_version().await).reason,
        "Unauthorized"
    );
    simulation.cluster("cluster-a").faults().clear();
    assert!(client.apiserver_version().await.is_ok());
}

#[tokio::test]
async fn faults_of_one_cluster_leave_the_others_alone() {
    let simulation = Simulation::builder()
        .without_listeners()
        .clusters(2)
        .start()
        .await
        .unwrap();
    set(&simulation, Fault::status(503));
    let other: Api<Deployment> = Api::all(simulation.cluster("cluster-b").client());
    assert!(other.list(&ListParams::default()).await.is_ok());
}

#[test]
fn faults_are_written_as_text() {
    let parsed = |text: &str| text.parse::<Fault>().unwrap();
    assert_eq!(
        parsed("latency=200ms"),
        Fault::latency(Duration::from_millis(200))
    );
    assert_eq!(parsed("latency=2s"), Fault::latency(Duration::from_secs(2)));
    assert_eq!(
        parsed("status=429,retry-after=3"),
        Fault::too_many_requests(3)
    );
    assert_eq!(parsed("status=500*2"), Fault::status(500).times(2));
    assert_eq!(parsed("hang@watch"), Fault::hang().for_verb(Verb::Watch));
    assert_eq!(
        parsed("status=403@patch/deployments"),
        Fault::forbid(Verb::Patch, Kind::Deployment)
    );
    assert_eq!(
        parsed("status=403@patch/statefulsets"),
        Fault::forbid(Verb::Patch, Kind::StatefulSet)
    );
    assert_eq!(
        parsed("status=500@/pods"),
        Fault::status(500).for_resource(Kind::Pod)
    );
    for text in [
        "",
        "slow",
        "latency=2",
        "status=200",
        "status=x",
        "hang@sing",
        "hang@/secrets",
        "hang*x",
    ] {
        assert!(text.parse::<Fault>().is_err(), "{text}");
    }
}
