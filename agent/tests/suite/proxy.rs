//! Behind a company's proxy, which the environment names.

use tokio::process::Command;
use xtask::condition;
use xtask::process::Process;

use bus_schema::verb::GetInfo;

use crate::stage::{PATIENCE, Stage};

/// The variables of a workstation behind a proxy: calls of its own addresses do not go through the proxy.
#[tokio::test]
async fn an_agent_reaches_an_api_server_that_no_proxy_names() {
    let (_sim, stage, agent) = Stage::simulated().await;
    agent.left().await;
    let dir = tempfile::tempdir().unwrap();
    for no_proxy in ["localhost,127.0.0.1,.svc", "10.0.0.0/8,127.0.0.0/8", "*"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
        command
            .args(["--cluster-name", stage.cluster.as_str()])
            .args(["--nats-url", &stage.nats.url(), "--nats-creds"])
            .arg(&stage.creds)
            .arg("--kubeconfig")
            .arg(&stage.kubeconfig);
        for variable in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
            command.env(variable, "http://proxy.invalid:3128");
        }
        command.env("NO_PROXY", no_proxy).env("no_proxy", no_proxy);
        let mut agent = Process::spawn("agent", command, &dir.path().join("log")).unwrap();
        let ready = condition::met(
            "an answer with the cluster's counts",
            PATIENCE,
            async || {
                agent.ensure_running()?;
                let info = stage.try_ask(&GetInfo {}).await;
                Ok(info.filter(|info| info.counts.is_some()))
            },
        );
        ready.await.expect(no_proxy);
        agent.stop(PATIENCE).await.unwrap();
    }
}
