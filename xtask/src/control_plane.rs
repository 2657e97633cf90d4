//! A real Kubernetes control plane without nodes: etcd, kube-apiserver with RBAC, kube-controller-manager. Deployments get ReplicaSets
//! and Pods; nothing schedules or runs the Pods, so tests write their status.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use crate::condition;
use crate::process::Process;
use programs::Programs;

mod certificates;
mod kubeconfig;
mod programs;

const READY_WITHIN: Duration = Duration::from_secs(90);
/// Each check of the API server runs kubectl, which costs a tenth of a second of CPU time.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// Only for an API server on loopback that lives as long as one test.
const ADMIN_TOKEN: &str = "admin-of-a-test";

/// Hold it in the test, not in a `static`: statics are never dropped, and its processes would keep running.
pub struct ControlPlane {
    // Dropped in this order: the clients before their servers, the directory last.
    controllers: Process,
    apiserver: Process,
    etcd: Process,
    administrator: Administrator,
    url: String,
    dir: TempDir,
}

impl ControlPlane {
    /// Starts one and waits until it is ready, with its default service account; `None` if its programs are neither in
    /// `$KUBEBUILDER_ASSETS` nor in the cache (`cargo xtask test` builds them).
    pub async fn start() -> Result<Option<Self>> {
        let Some(programs) = Programs::find()? else {
            return Ok(None);
        };
        let dir = tempfile::tempdir()?;
        let port = programs::free_port()?;
        let url = format!("https://127.0.0.1:{port}");
        certificates::write(dir.path(), ADMIN_TOKEN)?;
        let administrator = Administrator {
            kubeconfig: kubeconfig::write(dir.path(), "admin", &url, ADMIN_TOKEN)?,
            kubectl: programs.kubectl.clone(),
            cache: dir.path().join("kubectl"),
        };
        let mut etcd = programs.start_etcd(dir.path())?;
        let mut apiserver = programs.start_apiserver(dir.path(), port)?;
        let readyz = ["get", "--raw", "/readyz"];
        let servers = &mut [&mut etcd, &mut apiserver];
        administrator.succeeds(readyz, servers).await?;
        // Only now: it exits if the API server is not healthy within ten seconds.
        let mut controllers = programs.start_controllers(dir.path(), &administrator.kubeconfig)?;
        let account = ["get", "serviceaccount", "default"];
        let servers = &mut [&mut etcd, &mut apiserver, &mut controllers];
        administrator.succeeds(account, servers).await?;
        Ok(Some(Self {
            controllers,
            apiserver,
            etcd,
            administrator,
            url,
            dir,
        }))
    }

    /// The URL of the API server: `https://127.0.0.1:6443`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A kubeconfig with the context `admin`, which may do everything.
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.administrator.kubeconfig
    }

    /// A kubeconfig with the context `name`, for the bearer of `token`.
    pub fn kubeconfig_for_token(&self, name: &str, token: &str) -> Result<PathBuf> {
        kubeconfig::write(self.dir.path(), name, &self.url, token)
    }

    /// A token for a ServiceAccount that exists.
    pub async fn token(&self, namespace: &str, service_account: &str) -> Result<String> {
        let arguments = ["create", "token", service_account, "--namespace", namespace];
        Ok(self.kubectl(arguments).await?.trim().to_owned())
    }

    /// The output of kubectl, run as the administrator. The namespace is `default` unless the arguments name one.
    pub async fn kubectl<I>(&self, arguments: I) -> Result<String>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.administrator.kubectl(arguments).await
    }

    /// For tests that stop a component or read its log.
    pub fn apiserver(&mut self) -> &mut Process {
        &mut self.apiserver
    }

    pub fn controllers(&mut self) -> &mut Process {
        &mut self.controllers
    }

    pub fn etcd(&mut self) -> &mut Process {
        &mut self.etcd
    }
}

struct Administrator {
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    cache: PathBuf,
}

impl Administrator {
    async fn kubectl<I>(&self, arguments: I) -> Result<String>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let output = Command::new(&self.kubectl)
            .env("KUBECACHEDIR", &self.cache)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot run kubectl")?;
        ensure!(
            output.status.success(),
            "kubectl: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Retries until the call succeeds, and fails immediately if one of the servers has ended.
    async fn succeeds<const N: usize>(
        &self,
        arguments: [&str; N],
        servers: &mut [&mut Process],
    ) -> Result<()> {
        let what = format!("kubectl {}", arguments.join(" "));
        condition::met(&what, READY_WITHIN, async || {
            for server in servers.iter_mut() {
                server.ensure_running()?;
            }
            if self.kubectl(arguments).await.is_ok() {
                return Ok(Some(()));
            }
            sleep(BETWEEN_LOOKS).await;
            Ok(None)
        })
        .await
    }
}
