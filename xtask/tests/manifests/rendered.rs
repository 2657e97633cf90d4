//! What kustomize and Helm make of the files under `k8s/`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use xtask::{go_tools, required, workspace};

/// Objects by kind and name.
pub type Objects = BTreeMap<String, Value>;

pub const NAMESPACE: &str = "multi-cluster-aggregator";

pub fn overlay(name: &str) -> PathBuf {
    workspace::root().join("k8s/overlays").join(name)
}

/// `None` where kubectl is not there.
pub fn kustomized(name: &str) -> Option<Objects> {
    let kubectl = required::or_skip(go_tools::find("kubectl").unwrap(), "kubectl")?;
    let overlay = overlay(name);
    Some(objects(&output(
        &kubectl,
        &["kustomize", overlay.to_str().unwrap()],
    )))
}

/// The objects of `k8s/examples`, as kustomize and as Helm make them.
pub fn example(name: &str) -> Option<(Objects, Objects)> {
    let kubectl = required::or_skip(go_tools::find("kubectl").unwrap(), "kubectl")?;
    let dir = workspace::root().join("k8s/examples").join(name);
    let values = std::fs::read_to_string(dir.join("values.yaml")).unwrap();
    let kustomized = output(&kubectl, &["kustomize", dir.to_str().unwrap()]);
    Some((objects(&kustomized), templated_with(&values)?.unwrap()))
}

/// An overlay of somebody's own on top of one of ours: `lines` stand in its kustomization.yaml.
pub fn kustomized_with(name: &str, lines: &str) -> Option<String> {
    let kubectl = required::or_skip(go_tools::find("kubectl").unwrap(), "kubectl")?;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    // kustomize takes no absolute path of another kustomization.
    let up = "../".repeat(root.components().count() - 1);
    let ours = overlay(name).canonicalize().unwrap();
    let ours = ours.strip_prefix("/").unwrap().display();
    let text = format!("resources: [{up}{ours}]\n{lines}\n");
    std::fs::write(root.join("kustomization.yaml"), text).unwrap();
    Some(output(&kubectl, &["kustomize", root.to_str().unwrap()]))
}

/// `None` where Helm is not there.
pub fn templated(values: &str) -> Option<Objects> {
    Some(objects(&templated_text(values)?))
}

pub fn templated_text(values: &str) -> Option<String> {
    templated_for("it", NAMESPACE, values)
}

/// A release in this namespace.
pub fn templated_for(release: &str, namespace: &str, values: &str) -> Option<String> {
    let helm = required::or_skip(go_tools::find("helm").unwrap(), "helm")?;
    let chart = workspace::root().join("k8s/chart");
    let namespace = format!("--namespace={namespace}");
    let arguments = ["template", release, chart.to_str().unwrap(), &namespace];
    Some(output(
        &helm,
        &[&arguments[..], &["--set", values]].concat(),
    ))
}

/// A release with these lines as its values, or the reason why the chart refuses them.
pub fn templated_with(values: &str) -> Option<Result<Objects, String>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), values).unwrap();
    let chart = workspace::root().join("k8s/chart");
    let (chart, file) = (chart.to_str().unwrap(), file.path().to_str().unwrap());
    let namespace = format!("--namespace={NAMESPACE}");
    let arguments = ["template", "it", chart, &namespace, "--values", file];
    helm(&arguments).map(|text| text.map(|text| objects(&text)))
}

/// What Helm prints, or the reason why it fails. `None` where it is not there.
pub fn helm(arguments: &[&str]) -> Option<Result<String, String>> {
    let helm = required::or_skip(go_tools::find("helm").unwrap(), "helm")?;
    let output = Command::new(helm).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Some(match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stdout) + &text(output.stderr)),
    })
}

fn output(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

pub fn objects(text: &str) -> Objects {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    let mut objects = Objects::new();
    for object in documents.into_iter().filter(|object| !object.is_null()) {
        let part = |pointer| object.pointer(pointer).unwrap().as_str().unwrap();
        let key = format!("{}/{}", part("/kind"), part("/metadata/name"));
        assert!(
            objects.insert(key.clone(), object).is_none(),
            "{key} is there twice"
        );
    }
    objects
}
