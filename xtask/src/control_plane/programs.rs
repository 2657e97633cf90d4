//! The programs of a control plane and their flags.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::process::Command;

use super::certificates;
use crate::go_tools;
use crate::process::Process;

pub struct Programs {
    etcd: PathBuf,
    apiserver: PathBuf,
    controllers: PathBuf,
    pub kubectl: PathBuf,
}

impl Programs {
    pub fn find() -> Result<Option<Self>> {
        let found = (
            go_tools::find("etcd")?,
            go_tools::find("kube-apiserver")?,
            go_tools::find("kube-controller-manager")?,
            go_tools::find("kubectl")?,
        );
        let (Some(etcd), Some(apiserver), Some(controllers), Some(kubectl)) = found else {
            return Ok(None);
        };
        Ok(Some(Self {
            etcd,
            apiserver,
            controllers,
            kubectl,
        }))
    }

    /// On Unix sockets in `dir`: no port conflicts, and no one else can reach it. It must advertise something like a TCP address, which
    /// its only client does not use; there are no peers.
    pub fn start_etcd(&self, dir: &Path) -> Result<Process> {
        let advertised = "http://127.0.0.1:1";
        let mut command = Command::new(&self.etcd);
        command
            .arg("--data-dir")
            .arg(dir.join("etcd"))
            .args(["--listen-client-urls", &etcd_url(dir)])
            .args(["--advertise-client-urls", advertised])
            .arg("--listen-peer-urls")
            .arg(format!("unix://{}", dir.join("peer.sock").display()))
            .args(["--initial-advertise-peer-urls", advertised])
            .args(["--initial-cluster", &format!("default={advertised}")])
            .args(["--log-level", "warn", "--unsafe-no-fsync"]);
        Process::spawn("etcd", command, &dir.join("etcd.log"))
    }

    pub fn start_apiserver(&self, dir: &Path, port: u16) -> Result<Process> {
        let mut command = Command::new(&self.apiserver);
        command
            .args(["--etcd-servers", &etcd_url(dir)])
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(format!("--secure-port={port}"))
            .arg(file_flag("tls-cert-file", dir, certificates::SERVER))
            .arg(file_flag(
                "tls-private-key-file",
                dir,
                certificates::SERVER_KEY,
            ))
            .arg(file_flag("token-auth-file", dir, certificates::TOKENS))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg(file_flag(
                "service-account-key-file",
                dir,
                certificates::ACCOUNTS,
            ))
            .arg(file_flag(
                "service-account-signing-key-file",
                dir,
                certificates::ACCOUNTS_KEY,
            ))
            .args([
                "--service-cluster-ip-range=10.0.0.0/24",
                "--endpoint-reconciler-type=none",
            ])
            .args(["--authorization-mode=RBAC", "--allow-privileged=true"]);
        Process::spawn("kube-apiserver", command, &dir.join("kube-apiserver.log"))
    }

    pub fn start_controllers(&self, dir: &Path, kubeconfig: &Path) -> Result<Process> {
        let mut command = Command::new(&self.controllers);
        command
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg(file_flag("root-ca-file", dir, certificates::AUTHORITY))
            .arg(file_flag(
                "service-account-private-key-file",
                dir,
                certificates::ACCOUNTS_KEY,
            ))
            .args(["--leader-elect=false", "--secure-port=0"]);
        let log = dir.join("kube-controller-manager.log");
        Process::spawn("kube-controller-manager", command, &log)
    }
}

fn etcd_url(dir: &Path) -> String {
    format!("unix://{}", dir.join("etcd.sock").display())
}

fn file_flag(flag: &str, dir: &Path, file: &str) -> String {
    format!("--{flag}={}", dir.join(file).display())
}

/// A currently free port; the API server does not support port 0.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
