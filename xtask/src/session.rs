//! A session with the aggregator as the demo's user.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::account::USER;
use crate::http;

pub struct Session {
    address: SocketAddr,
    token: String,
}

/// The token for an agent that holds its own private key.
#[derive(Deserialize)]
pub struct Enrolled {
    pub public_key: String,
    pub jwt: String,
}

#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

impl Session {
    /// While it starts, no one listens on the port: that counts as not ready.
    pub async fn is_ready(address: SocketAddr) -> bool {
        let answer = http::get(address, "/readyz", None).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    pub async fn begin(address: SocketAddr, password: &str) -> Result<Self> {
        let credentials = json!({ "username": USER, "password": password });
        let answer = http::post(address, "/login", None, &credentials).await?;
        ensure!(answer.status == 200, "sign-in failed: {}", answer.body);
        let token = answer.json()?["access_token"]
            .as_str()
            .context("sign-in gave no token")?
            .to_owned();
        Ok(Self { address, token })
    }

    pub async fn end(self) -> Result<()> {
        let answer = http::post(self.address, "/logout", Some(&self.token), &Value::Null).await?;
        ensure!(answer.status < 300, "sign-out failed: {}", answer.body);
        Ok(())
    }

    /// For a caller that makes its own requests.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The token for the holder of a private key.
    pub async fn enroll(&self, cluster: &str, credential_request: &str) -> Result<Enrolled> {
        let path = format!("/clusters/{cluster}/enroll");
        let body = json!({ "credential_request": credential_request });
        let answer = http::post(self.address, &path, Some(&self.token), &body).await?;
        ensure!(answer.status == 200, "POST {path}: {}", answer.body);
        Ok(serde_json::from_value(answer.json()?)?)
    }

    /// Revokes one credential, unless it is already revoked.
    pub async fn revoke(&self, cluster: &str, public_key: &str) -> Result<()> {
        let path = format!("/clusters/{cluster}?key={public_key}");
        let answer = http::delete(self.address, &path, &self.token).await?;
        let done = matches!(answer.status, 200 | 404);
        ensure!(done, "DELETE {path}: {}", answer.body);
        Ok(())
    }

    /// The number of clusters that are online and have been read by their agents.
    pub async fn online(&self) -> Result<usize> {
        #[derive(Deserialize)]
        struct Cluster {
            presence: String,
            counts: Option<Value>,
        }
        let clusters: Vec<Cluster> = self.items("/clusters").await?;
        let online = clusters
            .iter()
            .filter(|cluster| cluster.presence == "online" && cluster.counts.is_some());
        Ok(online.count())
    }

    /// A deployment of a cluster, if it has one: namespace and name.
    pub async fn any_deployment(&self, cluster: &str) -> Result<Option<(String, String)>> {
        #[derive(Deserialize)]
        struct Namespace {
            namespace: String,
            deployments: u64,
        }
        #[derive(Deserialize)]
        struct Deployment {
            deployment_name: String,
        }
        let namespaces: Vec<Namespace> = self.items(&format!("/namespaces/{cluster}")).await?;
        let Some(Namespace { namespace, .. }) = namespaces
            .into_iter()
            .find(|namespace| namespace.deployments > 0)
        else {
            return Ok(None);
        };
        let path = format!("/deployments/{cluster}/{namespace}");
        let deployments: Vec<Deployment> = self.items(&path).await?;
        let first = deployments.into_iter().next();
        Ok(first.map(|deployment| (namespace, deployment.deployment_name)))
    }

    async fn items<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let answer = http::get(self.address, path, Some(&self.token)).await?;
        ensure!(answer.status == 200, "GET {path}: {}", answer.body);
        let list: List<T> = serde_json::from_str(&answer.body)
            .with_context(|| format!("GET {path}: {}", answer.body))?;
        Ok(list.items)
    }
}
