//! The binary as the demo starts it: it writes a kubeconfig once it listens, and exits with 0 on a signal.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio::process::Command;
use xtask::condition;
use xtask::process::{Process, Signal};

const PATIENCE: Duration = Duration::from_secs(20);

async fn start(dir: &Path, arguments: &[&str]) -> (Process, Kubeconfig) {
    let file = dir.join("kubeconfig");
    let mut command = Command::new(env!("CARGO_BIN_EXE_k8s-sim"));
    command.arg("--kubeconfig-out").arg(&file).args(arguments);
    let mut process =
        Process::spawn("k8s-sim", command, &dir.join("log")).expect("the program starts");
    let kubeconfig = condition::met("a kubeconfig", PATIENCE, async || {
        process.ensure_running()?;
        Ok(Kubeconfig::read_from(&file).ok())
    });
    let kubeconfig = kubeconfig.await.expect("the program listens");
    (process, kubeconfig)
}

async fn client(kubeconfig: &Kubeconfig, context: &str) -> Client {
    let options = KubeConfigOptions {
        context: Some(context.to_owned()),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await;
    let mut config = config.expect("the context is complete");
    config.default_retry = false;
    Client::try_from(config).expect("a plain client")
}

#[tokio::test]
async fn each_cluster_has_a_context_and_its_workloads() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--clusters", "3", "--namespaces", "2", "--deployments", "7"];
    let arguments = [&arguments[..], &["--statefulsets", "3"]].concat();
    let (_process, kubeconfig) = start(dir.path(), &arguments).await;
    let names: Vec<_> = kubeconfig
        .contexts
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(names, ["cluster-a", "cluster-b", "cluster-c"]);
    for name in names {
        let deployments: Api<Deployment> = Api::all(client(&kubeconfig, name).await);
        let list = deployments.list(&ListParams::default()).await.unwrap();
        assert_eq!(list.items.len(), 7);
        let paused = list
            .items
            .iter()
            .filter(|d| d.spec.as_ref().unwrap().paused == Some(true));
        assert_eq!(paused.count(), 1);
        let sets: Api<StatefulSet> = Api::all(client(&kubeconfig, name).await);
        let sets = sets.list(&ListParams::default()).await.unwrap();
        let daemons: Api<DaemonSet> = Api::all(client(&kubeconfig, name).await);
        let daemons = daemons.list(&ListParams::default()).await.unwrap();
        assert_eq!((sets.items.len(), daemons.items.len()), (3, 2));
    }
}

#[tokio::test]
async fn the_kubeconfig_names_the_advertised_host_with_the_ports_that_are_listened_on() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["--clusters", "2", "--listen", "0.0.0.0:0"];
    let advertise = ["--advertise", "localhost"];
    let (_process, kubeconfig) = start(dir.path(), &[&arguments[..], &advertise].concat()).await;
    for (cluster, context) in kubeconfig.clusters.iter().zip(["cluster-a", "cluster-b"]) {
        let server = cluster.cluster.as_ref().unwrap().server.as_deref().unwrap();
        assert!(server.starts_with("http://localhost:"), "{server}");
        let client = client(&kubeconfig, context).await;
        assert_eq!(client.apiserver_version().await.unwrap().minor, "36");
    }
}

#[tokio::test]
async fn an_invalid_host_is_named() {
    for host in ["", "sim:6443", "http://sim", "a b"] {
        let output = Command::new(env!("CARGO_BIN_EXE_k8s-sim"))
            .args(["--kubeconfig-out", "unused", "--advertise", host])
            .output();
        let output = output.await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{host}");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains("--advertise"), "{words}");
    }
}

#[tokio::test]
async fn a_fault_can_be_for_one_cluster() {
    let dir = tempfile::tempdir().unwrap();
    let fault = "cluster-b:status=403@list/deployments";
    let (_process, kubeconfig) = start(dir.path(), &["--clusters", "2", "--fault", fault]).await;
    let healthy: Api<Deployment> = Api::all(client(&kubeconfig, "cluster-a").await);
    assert!(healthy.list(&ListParams::default()).await.is_ok());
    let forbidden: Api<Deployment> = Api::all(client(&kubeconfig, "cluster-b").await);
    let refused = forbidden.list(&ListParams::default()).await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 403));
}

#[tokio::test]
async fn a_signal_ends_it_with_success() {
    let dir = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let (mut process, kubeconfig) = start(dir.path(), &[]).await;
        let client = client(&kubeconfig, "cluster-a").await;
        assert_eq!(client.apiserver_version().await.unwrap().minor, "36");
        process.signal(signal).unwrap();
        let status = tokio::time::timeout(PATIENCE, process.wait()).await;
        assert_eq!(status.unwrap().unwrap().code(), Some(0), "{signal:?}");
        std::fs::remove_file(dir.path().join("kubeconfig")).unwrap();
    }
}

#[tokio::test]
async fn an_invalid_fault_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_k8s-sim"))
        .args(["--kubeconfig-out", "unused", "--fault", "slowness"])
        .output();
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("not a fault: slowness"), "{words}");
}
