//! The announcement of a running demo: for people on standard output, for programs in `demo.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

/// More clusters than this are not listed by name.
const MOST_NAMES: usize = 10;

#[derive(Serialize)]
pub struct Announcement {
    pub url: String,
    pub user: &'static str,
    pub password: String,
    pub nats_url: String,
    pub nats_creds: PathBuf,
    pub clusters: Vec<String>,
    pub pids: BTreeMap<String, u32>,
    /// Namespace and name of a deployment of the first cluster, to try a restart on.
    #[serde(skip)]
    pub example: Option<(String, String)>,
    #[serde(skip)]
    pub nats_cli: Option<PathBuf>,
}

impl Announcement {
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    fn write_curl_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url,
            user,
            password,
            ..
        } = self;
        let credentials = format!(r#"{{"username":"{user}","password":"{password}"}}"#);
        writeln!(f, "with curl:")?;
        writeln!(
            f,
            "  TOKEN=$(curl -s {url}/login -H 'content-type: application/json' -d '{credentials}' \
             | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')"
        )?;
        writeln!(
            f,
            "  curl -s {url}/clusters -H \"authorization: Bearer $TOKEN\""
        )?;
        if let Some(target) = self.target(self.clusters.first()) {
            writeln!(
                f,
                "  curl -s {url}/restart -H \"authorization: Bearer $TOKEN\" \
                 -H 'content-type: application/json' -d '{target}'"
            )?;
        }
        Ok(())
    }

    fn write_nats_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nats = self
            .nats_cli
            .as_ref()
            .map_or("nats".into(), |path| path.to_string_lossy());
        let (server, creds) = (&self.nats_url, self.nats_creds.display());
        writeln!(f, "with the nats CLI:")?;
        writeln!(f, "  {nats} -s {server} --creds {creds} micro ls")?;
        if let (Some(cluster), Some(target)) = (self.clusters.first(), self.target(None)) {
            writeln!(
                f,
                "  {nats} -s {server} --creds {creds} req cluster.{cluster}.restart '{target}'"
            )?;
        }
        Ok(())
    }

    /// JSON with its fields in a readable order. The names are DNS labels, which need no escaping.
    fn target(&self, cluster: Option<&String>) -> Option<String> {
        let (namespace, deployment_name) = self.example.as_ref()?;
        let cluster = cluster.map_or(String::new(), |name| format!(r#""cluster":"{name}","#));
        Some(format!(
            r#"{{{cluster}"namespace":"{namespace}","deployment_name":"{deployment_name}"}}"#
        ))
    }
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        match self.clusters.as_slice() {
            [first, .., last] if self.clusters.len() > MOST_NAMES => {
                writeln!(f, "clusters  {first} … {last}: {}", self.clusters.len())?;
            }
            few => writeln!(f, "clusters  {}", few.join(" "))?,
        }
        writeln!(f, "address   {}", self.url)?;
        writeln!(f, "swagger   {}/docs", self.url)?;
        writeln!(f, "user      {}", self.user)?;
        writeln!(f, "password  {}", self.password)?;
        writeln!(f, "bus       {}", self.nats_url)?;
        writeln!(f)?;
        self.write_curl_lines(f)?;
        writeln!(f)?;
        self.write_nats_lines(f)?;
        writeln!(f)?;
        write!(f, "Ctrl-C stops all.")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn announcement() -> Announcement {
        Announcement {
            url: "http://127.0.0.1:8000".to_owned(),
            user: "admin",
            password: "secret".to_owned(),
            nats_url: "nats://127.0.0.1:4222".to_owned(),
            nats_creds: "/demo/admin.creds".into(),
            clusters: vec!["cluster-a".to_owned()],
            pids: BTreeMap::from([("nats".to_owned(), 1), ("agent cluster-a".to_owned(), 3)]),
            example: Some(("default".to_owned(), "fastapi-b".to_owned())),
            nats_cli: None,
        }
    }

    #[test]
    fn demo_json_has_what_programs_rely_on() {
        let written: Value = serde_json::from_str(&announcement().to_json().unwrap()).unwrap();
        let expected = json!({
            "url": "http://127.0.0.1:8000",
            "user": "admin",
            "password": "secret",
            "nats_url": "nats://127.0.0.1:4222",
            "nats_creds": "/demo/admin.creds",
            "clusters": ["cluster-a"],
            "pids": { "nats": 1, "agent cluster-a": 3 },
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn a_large_fleet_is_told_by_its_first_and_its_last_cluster() {
        let large = Announcement {
            clusters: (1..=1_000).map(|number| format!("c{number}")).collect(),
            ..announcement()
        };
        assert!(large.to_string().contains("clusters  c1 … c1000: 1000\n"));
    }

    #[test]
    fn people_get_the_password_swagger_and_lines_to_paste() {
        let text = announcement().to_string();
        for part in [
            "password  secret",
            "http://127.0.0.1:8000/docs",
            "nats -s nats://127.0.0.1:4222 --creds /demo/admin.creds micro ls",
            r#"'{"username":"admin","password":"secret"}'"#,
            r#"'{"cluster":"cluster-a","namespace":"default","deployment_name":"fastapi-b"}'"#,
            r#"req cluster.cluster-a.restart '{"namespace":"default","deployment_name":"fastapi-b"}'"#,
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }
}
