//! The tools that are written in Go, each pinned in a `go.mod` under `tools`: built once from the module proxy into a cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// A program that is built with Go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    pub program: &'static str,
    package: &'static str,
    /// The directory of its go.mod: tools that share no dependencies are rebuilt separately.
    module: &'static str,
}

/// The module of the control plane and of the nats CLI.
const PEERS: &str = "tools";

/// The small ones first.
pub const TOOLS: [Tool; 7] = [
    tool(
        "tools/actionlint",
        "actionlint",
        "github.com/rhysd/actionlint/cmd/actionlint",
    ),
    tool(PEERS, "nats", "github.com/nats-io/natscli/nats"),
    tool(PEERS, "etcd", "go.etcd.io/etcd/server/v3"),
    tool("tools/helm", "helm", "helm.sh/helm/v4/cmd/helm"),
    tool(PEERS, "kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    tool(
        PEERS,
        "kube-apiserver",
        "k8s.io/kubernetes/cmd/kube-apiserver",
    ),
    tool(
        PEERS,
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
];

const fn tool(module: &'static str, program: &'static str, package: &'static str) -> Tool {
    Tool {
        program,
        package,
        module,
    }
}

/// The program in `$KUBEBUILDER_ASSETS` or, if it is not there, in the cache.
pub fn find(program: &str) -> Result<Option<PathBuf>> {
    let tool = TOOLS.iter().find(|tool| tool.program == program);
    let tool = tool.with_context(|| format!("{program} is no tool of go_tools.rs"))?;
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let dirs = assets.into_iter().chain([cache(tool.module)?]);
    Ok(dirs
        .map(|dir| dir.join(program))
        .find(|path| path.is_file()))
}

/// The directory of the built control plane, as in `$KUBEBUILDER_ASSETS`.
pub fn assets() -> Result<PathBuf> {
    cache(PEERS)
}

/// The output directory of a module: a different go.mod or go.sum gets a different directory.
fn cache(module: &str) -> Result<PathBuf> {
    let dir = workspace::root().join(module);
    let modules = fs::read(dir.join("go.mod"))?;
    let sums = fs::read(dir.join("go.sum"))?;
    let key = workspace::key(&[&modules, &sums]);
    Ok(workspace::cache()?.join("go-tools").join(key))
}

/// The programs that are neither in `$KUBEBUILDER_ASSETS` nor in the cache.
pub fn missing() -> Result<Vec<Tool>> {
    let mut missing = Vec::new();
    for tool in TOOLS {
        if find(tool.program)?.is_none() {
            missing.push(tool);
        }
    }
    Ok(missing)
}

/// The program, built into the cache if it is not there. `None` where Go is missing, too.
///
/// # Errors
/// When it cannot be built.
pub fn find_or_build(program: &str) -> Result<Option<PathBuf>> {
    if let Some(found) = find(program)? {
        return Ok(Some(found));
    }
    let tool = TOOLS.iter().find(|tool| tool.program == program);
    let go = workspace::on_path("go").is_some();
    tool.filter(|_| go).map(Tool::build).transpose()
}

impl Tool {
    /// Builds it into the cache. All of them take half an hour on two cores, so announce it before calling this.
    pub fn build(&self) -> Result<PathBuf> {
        let cache = cache(self.module)?;
        fs::create_dir_all(&cache)?;
        let staging = tempfile::tempdir_in(&cache)?;
        let built = staging.path().join(self.program);
        let status = Command::new("go")
            .current_dir(workspace::root().join(self.module))
            .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false"])
            .arg(format!("-ldflags=-s -w {}", version_stamp(self.module)?))
            .arg("-o")
            .args([built.as_path(), Path::new(self.package)])
            .env("CGO_ENABLED", "0")
            .status()
            .context("cannot run go: install Go, or set KUBEBUILDER_ASSETS and NATS_CLI")?;
        ensure!(
            status.success(),
            "go build {} failed ({status})",
            self.package
        );
        let target = cache.join(self.program);
        fs::rename(built, &target)?;
        Ok(target)
    }
}

/// Without this stamp the API server reports `v0.0.0-master`, and clients that check its version fail. Empty for a module that does not
/// build Kubernetes.
fn version_stamp(module: &str) -> Result<String> {
    let modules = fs::read_to_string(workspace::root().join(module).join("go.mod"))?;
    let Some(version) = pinned(&modules, "k8s.io/kubernetes") else {
        return Ok(String::new());
    };
    let mut numbers = version.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or("0"), numbers.next().unwrap_or("0"));
    let package = "k8s.io/component-base/version";
    Ok(format!(
        "-X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
    ))
}

/// The version in a line `module v1.2.3` of a go.mod.
fn pinned<'a>(modules: &'a str, module: &str) -> Option<&'a str> {
    modules.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == module).then(|| words.next()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_version_is_read_from_the_requirement_and_not_from_a_replacement() {
        let modules = "require (\n\tk8s.io/kubernetes v1.36.3 // indirect\n)\nreplace k8s.io/api => k8s.io/api v0.36.3\n";
        assert_eq!(pinned(modules, "k8s.io/kubernetes"), Some("v1.36.3"));
        assert_eq!(pinned(modules, "k8s.io/api"), None);
    }

    #[test]
    fn every_tool_is_a_tool_of_its_go_mod() {
        for tool in TOOLS {
            let file = workspace::root().join(tool.module).join("go.mod");
            let modules = fs::read_to_string(file).unwrap();
            let listed = format!("\t{}\n", tool.package);
            let alone = format!("tool {}\n", tool.package);
            assert!(
                modules.contains(&listed) || modules.contains(&alone),
                "{tool:?}"
            );
        }
    }

    #[test]
    fn each_module_has_a_cache_of_its_own_and_kubernetes_alone_is_stamped() {
        assert_ne!(cache(PEERS).unwrap(), cache("tools/helm").unwrap());
        assert!(version_stamp(PEERS).unwrap().contains("gitVersion=v1."));
        for module in ["tools/helm", "tools/actionlint"] {
            assert_eq!(version_stamp(module).unwrap(), "", "{module}");
        }
    }
}
