//! Kubeconfig files for bearers of a token. JSON, which is YAML too.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::certificates;

/// Writes `<name>.kubeconfig` with the context `name` into `dir`, which contains the authority's certificate.
pub fn write(dir: &Path, name: &str, url: &str, token: &str) -> Result<PathBuf> {
    let file = dir.join(format!("{name}.kubeconfig"));
    let content = content(&dir.join(certificates::AUTHORITY), name, url, token);
    fs::write(&file, content.to_string())?;
    Ok(file)
}

fn content(authority: &Path, name: &str, url: &str, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": name,
            "cluster": { "server": url, "certificate-authority": authority },
        }],
        "users": [{ "name": name, "user": { "token": token } }],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        "current-context": name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_joins_the_cluster_and_the_user() {
        let config = content(
            Path::new("/d/ca.crt"),
            "ana",
            "https://127.0.0.1:1",
            "t0k3n",
        );
        assert_eq!(config["current-context"], config["contexts"][0]["name"]);
        let context = &config["contexts"][0]["context"];
        assert_eq!(context["cluster"], config["clusters"][0]["name"]);
        assert_eq!(context["user"], config["users"][0]["name"]);
        assert_eq!(config["users"][0]["user"]["token"], "t0k3n");
        assert_eq!(
            config["clusters"][0]["cluster"]["certificate-authority"],
            "/d/ca.crt"
        );
    }
}
