//! What tests and the demo rely on beyond Kubernetes: controlled time and randomness, seeds, many clusters.

use std::collections::HashSet;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_sim::{Clock, Profile, Simulation};
use kube::api::{ListParams, LogParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

async fn stopped(seed: u64) -> Simulation {
    let builder = Simulation::builder()
        .without_listeners()
        .clock(Clock::manual());
    let builder = builder.seed(seed).deployments(12);
    let started = builder.stateful_sets(6).daemon_sets(2).start().await;
    started.expect("nothing to listen on")
}

fn client(simulation: &Simulation) -> Client {
    simulation.cluster("cluster-a").client()
}

async fn everything(client: &Client) -> Vec<Value> {
    let mut all = Vec::new();
    for path in [
        "/apis/apps/v1/deployments",
        "/apis/apps/v1/replicasets",
        "/apis/apps/v1/statefulsets",
        "/apis/apps/v1/daemonsets",
        "/apis/apps/v1/controllerrevisions",
        "/api/v1/pods",
        "/api/v1/events",
    ] {
        let request = http::Request::get(path)
            .body(Vec::new())
            .expect("a request");
        all.push(client.request(request).await.expect("a list"));
    }
    all
}

async fn restart(deployments: &Api<Deployment>, name: &str) {
    let annotations = json!({ "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z" });
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
    let (params, patch) = (PatchParams::default(), Patch::Strategic(patch));
    let patched = deployments.patch(name, &params, &patch).await;
    patched.expect("the patch is accepted");
}

#[tokio::test]
async fn the_same_seed_makes_the_same_cluster() {
    let (one, same, other) = (stopped(1).await, stopped(1).await, stopped(2).await);
    assert_eq!(
        everything(&client(&one)).await,
        everything(&client(&same)).await
    );
    assert_ne!(
        everything(&client(&one)).await,
        everything(&client(&other)).await
    );
}

#[tokio::test]
async fn a_rollout_under_a_manual_clock_is_always_the_same() {
    let (one, same) = (stopped(1).await, stopped(1).await);
    for simulation in [&one, &same] {
        restart(&Api::default_namespaced(client(simulation)), "fastapi-a").await;
        simulation.advance(Duration::from_secs(60));
    }
    assert_eq!(
        everything(&client(&one)).await,
        everything(&client(&same)).await
    );
}

#[tokio::test]
async fn nothing_happens_until_the_clock_is_advanced() {
    let simulation = stopped(1).await;
    let deployments: Api<Deployment> = Api::default_namespaced(client(&simulation));
    restart(&deployments, "fastapi-a").await;
    let observed = async || {
        let status = deployments
            .get_status("fastapi-a")
            .await
            .unwrap()
            .status
            .unwrap();
        status.observed_generation.unwrap()
    };
    assert_eq!(observed().await, 1);
    simulation.advance(Duration::from_millis(99));
    assert_eq!(observed().await, 1);
    simulation.advance(Duration::from_millis(1));
    assert_eq!(observed().await, 2);
}

#[tokio::test]
async fn clusters_are_distinguished_by_their_uid() {
    let simulation = Simulation::builder().clusters(30).start().await.unwrap();
    let uids: HashSet<String> = simulation.clusters().iter().map(|c| c.uid()).collect();
    let addresses: HashSet<_> = simulation.clusters().iter().map(|c| c.address()).collect();
    assert_eq!((uids.len(), addresses.len()), (30, 30));
    let again = Simulation::builder()
        .without_listeners()
        .clusters(1)
        .start()
        .await
        .unwrap();
    assert!(uids.contains(&again.cluster("cluster-a").uid()));
    assert_eq!(simulation.clusters()[29].name(), "cluster-ad");
}

#[tokio::test]
async fn seeded_pods_have_existed_since_the_start() {
    let simulation = stopped(1).await;
    let deployments: Api<Deployment> = Api::all(client(&simulation));
    let before = deployments.list(&ListParams::default()).await.unwrap();
    let pods: Api<Pod> = Api::all(client(&simulation));
    let pods = pods.list(&ListParams::default()).await.unwrap();
    assert_eq!(
        before.metadata.resource_version,
        pods.metadata.resource_version
    );
    let expected: i32 = before
        .items
        .iter()
        .map(|d| d.status.as_ref().unwrap().ready_replicas.unwrap())
        .sum();
    let of_deployments = pods.items.iter().filter(|pod| {
        let owners = pod.metadata.owner_references.as_ref().unwrap();
        owners[0].kind == "ReplicaSet"
    });
    assert_eq!(of_deployments.count(), usize::try_from(expected).unwrap());
    assert!(
        pods.items
            .iter()
            .all(|pod| pod.status.as_ref().unwrap().phase.as_deref() == Some("Running"))
    );
    simulation.advance(Duration::from_secs(3600));
    let after = deployments.list(&ListParams::default()).await.unwrap();
    assert_eq!(
        before.metadata.resource_version, after.metadata.resource_version,
        "a complete cluster is at rest"
    );
}

#[tokio::test]
async fn a_seeded_pod_can_be_read_by_its_name_alone() {
    let (one, same) = (stopped(1).await, stopped(1).await);
    let pods: Api<Pod> = Api::default_namespaced(client(&one));
    let of_it = ListParams::default().labels("app=fastapi-b");
    let listed = pods.list(&of_it).await.unwrap().items.remove(0);
    let name = listed.metadata.name.as_deref().unwrap();
    let pods: Api<Pod> = Api::default_namespaced(client(&same));
    let params = LogParams {
        container: Some("app".to_owned()),
        tail_lines: Some(2),
        ..LogParams::default()
    };
    let log = pods.logs(name, &params).await.unwrap();
    assert_eq!(log.lines().count(), 2);
    assert_eq!(pods.get(name).await.unwrap(), listed);
}

#[tokio::test]
async fn seeded_sets_have_run_for_long_and_some_have_a_past() {
    let simulation = stopped(1).await;
    let client = client(&simulation);
    let (sets, daemons): (Api<StatefulSet>, Api<DaemonSet>) =
        (Api::all(client.clone()), Api::all(client.clone()));
    let all = ListParams::default();
    let sets = sets.list(&all).await.unwrap().items;
    let daemons = daemons.list(&all).await.unwrap().items;
    assert_eq!((sets.len(), daemons.len()), (6, 2));
    let of = |name: &str| ListParams::default().labels(&format!("app={name}"));
    let mut pasts = HashSet::new();
    for set in sets {
        let (meta, status) = (set.metadata, set.status.unwrap());
        let (name, namespace) = (meta.name.unwrap(), meta.namespace.unwrap());
        let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
        let pods = pods.list(&of(&name)).await.unwrap().items;
        assert_eq!(pods.len(), usize::try_from(status.replicas).unwrap());
        for pod in &pods {
            let labels = pod.metadata.labels.as_ref().unwrap();
            let revision = labels["controller-revision-hash"].as_str();
            assert_eq!(status.current_revision.as_deref(), Some(revision));
        }
        let revisions: Api<ControllerRevision> = Api::namespaced(client.clone(), &namespace);
        let revisions = revisions.list(&of(&name)).await.unwrap().items;
        let current = revisions.iter().max_by_key(|known| known.revision).unwrap();
        assert_eq!(current.metadata.name, status.current_revision);
        assert_eq!(meta.generation, Some(current.revision));
        pasts.insert(revisions.len());
    }
    assert!(pasts.contains(&1) && pasts.len() > 1, "{pasts:?}");
    let pods: Api<Pod> = Api::namespaced(client.clone(), "kube-system");
    for set in daemons {
        let pods = pods.list(&of(&set.metadata.name.unwrap())).await.unwrap();
        assert_eq!(pods.items.len(), 3);
    }
}

#[tokio::test]
async fn a_seeded_set_rolls_out_and_then_rests() {
    let simulation = stopped(1).await;
    let sets: Api<StatefulSet> = Api::default_namespaced(client(&simulation));
    let all = ListParams::default();
    let name = sets.list(&all).await.unwrap().items.remove(0).metadata.name;
    let name = name.unwrap();
    let before = sets.get(&name).await.unwrap();
    let annotations = json!({ "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z" });
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } });
    let (params, patch) = (PatchParams::default(), Patch::Strategic(patch));
    sets.patch(&name, &params, &patch).await.unwrap();
    simulation.advance(Duration::from_secs(60));
    let done = sets.get(&name).await.unwrap();
    let status = done.status.unwrap();
    assert_eq!(
        status.observed_generation,
        before.metadata.generation.map(|own| own + 1)
    );
    assert_eq!(status.ready_replicas, done.spec.unwrap().replicas);
    assert_eq!(status.current_revision, status.update_revision);
    assert_ne!(
        status.current_revision,
        before.status.unwrap().current_revision
    );
    let version = sets.list(&all).await.unwrap().metadata.resource_version;
    // Not an hour: then the events expire.
    simulation.advance(Duration::from_secs(1800));
    let later = sets.list(&all).await.unwrap().metadata.resource_version;
    assert_eq!(version, later, "a complete cluster is at rest");
}

#[tokio::test]
async fn the_demo_has_a_bad_rollout_and_a_paused_one() {
    let builder = Simulation::builder()
        .without_listeners()
        .clock(Clock::manual());
    let simulation = builder
        .deployments(20)
        .profile(Profile::Demo)
        .start()
        .await
        .unwrap();
    let deployments: Api<Deployment> = Api::all(client(&simulation));
    let all = deployments
        .list(&ListParams::default())
        .await
        .unwrap()
        .items;
    let with_reason = |reason: &str| {
        let has = |d: &&Deployment| {
            let conditions = d.status.as_ref().unwrap().conditions.as_ref().unwrap();
            conditions
                .iter()
                .any(|c| c.reason.as_deref() == Some(reason))
        };
        all.iter().filter(has).count()
    };
    assert_eq!(
        (
            with_reason("ProgressDeadlineExceeded"),
            with_reason("DeploymentPaused")
        ),
        (1, 1)
    );
    assert_eq!(with_reason("NewReplicaSetAvailable"), 18);
    let events: Api<Event> = Api::all(client(&simulation));
    let events = events
        .list(&ListParams::default().fields("reason=BackOff"))
        .await
        .unwrap();
    assert!(events.items.iter().any(|event| event.count > Some(1)));
}

#[tokio::test]
async fn a_crashing_container_has_a_previous_log() {
    let simulation = stopped(1).await;
    let deployments: Api<Deployment> = Api::default_namespaced(client(&simulation));
    let containers = json!([{ "name": "app", "image": "registry.example.com/crash:1" }]);
    let patch =
        json!({ "spec": { "replicas": 1, "template": { "spec": { "containers": containers } } } });
    deployments
        .patch(
            "fastapi-a",
            &PatchParams::default(),
            &Patch::Strategic(patch),
        )
        .await
        .unwrap();
    simulation.advance(Duration::from_secs(60));
    let pods: Api<Pod> = Api::default_namespaced(client(&simulation));
    let of_it = ListParams::default().labels("app=fastapi-a");
    let restarts = |pod: &Pod| {
        pod.status
            .as_ref()
            .unwrap()
            .container_statuses
            .as_ref()
            .unwrap()[0]
            .restart_count
    };
    let pods_of_it = pods.list(&of_it).await.unwrap().items;
    let crashing = pods_of_it
        .iter()
        .find(|pod| restarts(pod) > 1)
        .expect("a pod crashes");
    let name = crashing.metadata.name.as_deref().unwrap();
    let of = |previous| LogParams {
        previous,
        container: Some("app".to_owned()),
        ..LogParams::default()
    };
    let before = pods.logs(name, &of(true)).await.unwrap();
    assert!(before.starts_with("INFO starting image=registry.example.com/crash:1\n"));
    assert!(pods.logs(name, &of(false)).await.is_ok());
}

#[tokio::test]
async fn a_simulation_that_ends_closes_its_addresses_and_connections() {
    let simulation = Simulation::builder().start().await.unwrap();
    let address = simulation.cluster("cluster-a").address().unwrap();
    let mut config = kube::Config::new(format!("http://{address}").parse().unwrap());
    config.default_retry = false;
    let client = Client::try_from(config).unwrap();
    client.apiserver_version().await.unwrap();
    drop(simulation);
    let closed = xtask::condition::met("a closed address", Duration::from_secs(10), async || {
        Ok(client.apiserver_version().await.is_err().then_some(()))
    });
    closed.await.unwrap();
}
