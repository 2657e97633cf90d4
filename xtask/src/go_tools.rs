//! The peers that are written in Go and pinned in `tools/go.mod`: built once from the module proxy into a cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// Name of the program and the package that it is built from. The small ones first.
pub const TOOLS: [(&str, &str); 5] = [
    ("nats", "github.com/nats-io/natscli/nats"),
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    (
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
];

/// The program in `$KUBEBUILDER_ASSETS` or, if it is not there, in the cache.
pub fn find(program: &str) -> Result<Option<PathBuf>> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let places = assets.into_iter().chain([cache()?]);
    Ok(places
        .map(|dir| dir.join(program))
        .find(|path| path.is_file()))
}

/// Where the build goes: another go.mod or go.sum is another directory.
pub fn cache() -> Result<PathBuf> {
    let tools = workspace::root().join("tools");
    let modules = fs::read(tools.join("go.mod"))?;
    let sums = fs::read(tools.join("go.sum"))?;
    let key = workspace::key(&[&modules, &sums]);
    Ok(workspace::cache()?.join("go-tools").join(key))
}

/// The programs that are neither in `$KUBEBUILDER_ASSETS` nor in the cache.
pub fn missing() -> Result<Vec<(&'static str, &'static str)>> {
    let mut missing = Vec::new();
    for (program, package) in TOOLS {
        if find(program)?.is_none() {
            missing.push((program, package));
        }
    }
    Ok(missing)
}

/// Builds one program into the cache. Half an hour for all of them on two cores, so say so before calling this.
pub fn build(program: &str, package: &str) -> Result<PathBuf> {
    let cache = cache()?;
    fs::create_dir_all(&cache)?;
    let staging = tempfile::tempdir_in(&cache)?;
    let built = staging.path().join(program);
    let status = Command::new("go")
        .current_dir(workspace::root().join("tools"))
        .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false"])
        .arg(format!("-ldflags=-s -w {}", version_stamp()?))
        .arg("-o")
        .args([built.as_path(), Path::new(package)])
        .env("CGO_ENABLED", "0")
        .status()
        .context("cannot run go: install Go, or set KUBEBUILDER_ASSETS and NATS_CLI")?;
    ensure!(status.success(), "go build {package} failed ({status})");
    let target = cache.join(program);
    fs::rename(built, &target)?;
    Ok(target)
}

/// Without this stamp the API server calls itself `v0.0.0-master`, and clients that look at its version go wrong.
fn version_stamp() -> Result<String> {
    let modules = fs::read_to_string(workspace::root().join("tools/go.mod"))?;
    let version =
        pinned(&modules, "k8s.io/kubernetes").context("tools/go.mod pins no Kubernetes")?;
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
    fn every_tool_is_a_tool_of_go_mod() {
        let modules = fs::read_to_string(workspace::root().join("tools/go.mod")).unwrap();
        for (_, package) in TOOLS {
            assert!(modules.contains(&format!("\t{package}\n")), "{package}");
        }
    }
}
