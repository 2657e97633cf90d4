//! The kubeconfig by which agents and kubectl reach the clusters.

use std::fmt::Write as _;
use std::path::Path;

use crate::cluster::Cluster;

/// `host` replaces the address on which the clusters listen.
pub fn render(clusters: &[Cluster], host: Option<&str>) -> String {
    let mut servers = String::new();
    let mut contexts = String::new();
    for cluster in clusters {
        let name = cluster.name();
        let Some(address) = cluster.address() else {
            continue;
        };
        let server = match host {
            Some(host) => format!("{host}:{}", address.port()),
            None => address.to_string(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            servers,
            "- name: {name}\n  cluster:\n    server: http://{server}"
        );
        let _ = writeln!(
            contexts,
            "- name: {name}\n  context:\n    cluster: {name}\n    user: simulated"
        );
    }
    let current = clusters.first().map_or("", Cluster::name);
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {current}\nclusters:\n{servers}contexts:\n{contexts}users:\n- name: simulated\n  user: {{}}\n"
    )
}

pub fn write(kubeconfig: &str, path: &Path) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(name);
    std::fs::write(&beside, kubeconfig)?;
    std::fs::rename(&beside, path)
}
