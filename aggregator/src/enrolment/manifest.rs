//! What joins a cluster with one `kubectl apply -f -`: namespace, ServiceAccount, what it may do, the credential, the agent.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bus_keys::Secret;
use bus_link::{Authority, AuthorityError};
use bus_schema::ClusterName;

/// Namespace, ServiceAccount, ClusterRole and binding, as they are shipped.
const RBAC: &str = include_str!("../../../k8s/agent-rbac.yaml");

const NAMESPACE: &str = "multi-cluster-aggregator";

const CA_VARIABLE: &str = "
            - {name: MCA_NATS_CA, value: /etc/agent/ca.pem}";

/// How the agents of new clusters are started.
#[derive(Debug, Clone)]
pub struct Agent {
    /// The nats-server, as they reach it.
    pub nats_url: String,
    /// The CA that signed the nats-server's certificate, as PEM, if it is a private one.
    pub nats_ca: Option<String>,
    /// Their image.
    pub image: ImageName,
}

/// The name of an image: a registry's address, a path, a tag or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName(String);

/// What is not an [`ImageName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an image, such as registry.example/agent:1.2")]
pub struct ImageNameError;

impl FromStr for ImageName {
    type Err = ImageNameError;

    fn from_str(text: &str) -> Result<Self, ImageNameError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
        let starts = text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        if starts && text.len() <= 512 && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ImageNameError)
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text of the CA that agents are to trust.
///
/// # Errors
/// When there is none in the file.
pub fn agent_ca(file: Option<&PathBuf>) -> Result<Option<String>, AuthorityError> {
    let read = |file: &PathBuf| Authority::open(file)?.pem();
    file.map(read).transpose()
}

impl Agent {
    /// The manifest for this cluster. It has the credential in it: it is as secret as that.
    #[must_use]
    pub fn manifest(&self, cluster: &ClusterName, credentials: &Secret) -> String {
        let creds = BASE64.encode(credentials.expose());
        let (url, image) = (quoted(&self.nats_url), quoted(&self.image.0));
        let (ca, ca_variable) = self.nats_ca.as_ref().map_or_else(Default::default, |pem| {
            (format!("\n  ca.pem: {}", BASE64.encode(pem)), CA_VARIABLE)
        });
        format!(
            "{RBAC}---
apiVersion: v1
kind: Secret
metadata:
  name: agent-nats-creds
  namespace: {NAMESPACE}
type: Opaque
data:
  agent.creds: {creds}{ca}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: agent
  namespace: {NAMESPACE}
  labels: {{app.kubernetes.io/name: multi-cluster-aggregator-agent}}
spec:
  replicas: 1
  selector:
    matchLabels: {{app.kubernetes.io/name: multi-cluster-aggregator-agent}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: multi-cluster-aggregator-agent}}
    spec:
      serviceAccountName: agent-sa
      terminationGracePeriodSeconds: 30
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        fsGroup: 65532
        seccompProfile: {{type: RuntimeDefault}}
      containers:
        - name: agent
          image: {image}
          args: [\"--nats-creds\", \"/etc/agent/agent.creds\"]
          env:
            - {{name: MCA_CLUSTER_NAME, value: \"{cluster}\"}}
            - {{name: MCA_NATS_URL, value: {url}}}{ca_variable}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
          volumeMounts:
            - {{name: creds, mountPath: /etc/agent, readOnly: true}}
      volumes:
        - name: creds
          secret: {{secretName: agent-nats-creds, defaultMode: 288}}
"
        )
    }
}

/// A string of JSON is one of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
