//! The manifest that joins a cluster with one `kubectl apply -f -`: the objects of `k8s/base`, and the two that differ between clusters.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use async_nats::ServerAddr;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bus_keys::Secret;
use bus_link::{Authority, AuthorityError};
use bus_schema::{AllowedVerbs, ClusterName};
use serde::{Deserialize, Serialize};

/// The files of `k8s/base`, which kustomize and the chart use too.
const OBJECTS: [&str; 11] = [
    include_str!("../../../k8s/base/namespace/namespace.yaml"),
    include_str!("../../../k8s/base/agent/service-account.yaml"),
    include_str!("../../../k8s/base/agent/cluster-role.yaml"),
    include_str!("../../../k8s/base/agent/cluster-role-binding.yaml"),
    include_str!("../../../k8s/base/agent/role.yaml"),
    include_str!("../../../k8s/base/agent/role-binding.yaml"),
    include_str!("../../../k8s/base/agent/token.yaml"),
    include_str!("../../../k8s/base/agent/defaults.yaml"),
    NETWORK_POLICY,
    include_str!("../../../k8s/base/agent/disruption-budget.yaml"),
    // Last: it needs the other objects when it starts.
    include_str!("../../../k8s/base/agent/deployment.yaml"),
];

const NETWORK_POLICY: &str = include_str!("../../../k8s/base/agent/network-policy.yaml");

/// The metadata of the objects that differ between clusters. The label selects them, to apply only these where kustomize or Helm installs the
/// rest.
const METADATA: &str = "  namespace: multi-cluster-aggregator
  labels:
    app.kubernetes.io/name: multi-cluster-aggregator-agent
    app.kubernetes.io/part-of: multi-cluster-aggregator
    multi-cluster-aggregator/made-by: enroll";

/// The rule in the ClusterRole by which the policy of `k8s/base/allowed-verbs` knows what the agent may do.
const VERBS_RULE: &str = "    resources: [\"deployments\"]
    verbs: [\"act\", \"restart\"]
";

/// The agent's image in the Deployment.
const IMAGE: &str = concat!("multi-cluster-aggregator/agent:", env!("CARGO_PKG_VERSION"));

/// The settings of the agents of new clusters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// The address at which they reach the nats-server.
    pub nats_url: String,
    /// The CA that signed the nats-server's certificate, as PEM, if it is a private one.
    pub nats_ca: Option<String>,
    /// Their image.
    pub image: ImageName,
    /// The mutations that they carry out.
    #[serde(default)]
    pub verbs: AllowedVerbs,
}

/// The name of an image: a registry's address, a path, a tag or digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9._/:@-]*$", min_length = 1, max_length = 512)]
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

impl TryFrom<String> for ImageName {
    type Error = ImageNameError;

    fn try_from(text: String) -> Result<Self, ImageNameError> {
        text.parse()
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether this is the address of a nats-server, or several separated by commas.
///
/// # Errors
/// When one cannot be read.
pub fn check_addresses(text: &str) -> std::io::Result<()> {
    let mut addresses = text.split(',');
    addresses.try_for_each(|address| address.trim().parse::<ServerAddr>().map(drop))
}

/// The CA that agents must trust, as PEM.
///
/// # Errors
/// When the file contains none.
pub fn agent_ca(file: Option<&PathBuf>) -> Result<Option<String>, AuthorityError> {
    let read = |file: &PathBuf| Authority::open(file)?.pem();
    file.map(read).transpose()
}

impl Agent {
    /// The manifest for this cluster. It contains the credential, so it is secret.
    #[must_use]
    pub fn manifest(&self, cluster: &ClusterName, credentials: &Secret) -> String {
        let [shared @ .., deployment] = OBJECTS;
        let deployment = deployment.replace(IMAGE, &quoted(&self.image.0));
        let (settings, creds) = (self.settings(cluster), self.credential(credentials));
        let rule = self.verbs_rule();
        let mut objects = shared
            .map(|object| object.replace(VERBS_RULE, &rule))
            .to_vec();
        objects.extend([settings, creds]);
        objects.extend(self.bus_policy());
        objects.push(deployment);
        objects.join("---\n")
    }

    fn verbs_rule(&self) -> String {
        let verbs = ["act"].into_iter().chain(self.verbs.names());
        let verbs: Vec<_> = verbs.map(quoted).collect();
        format!(
            "    resources: [\"deployments\"]\n    verbs: [{}]\n",
            verbs.join(", ")
        )
    }

    fn settings(&self, cluster: &ClusterName) -> String {
        let (url, verbs) = (quoted(&self.nats_url), &self.verbs);
        let ca = match self.nats_ca {
            Some(_) => "  MCA_NATS_CA: /etc/agent/ca.pem\n",
            None => "",
        };
        format!(
            "# The address of the bus for this cluster's agents.
apiVersion: v1
kind: ConfigMap
metadata:
  name: agent-settings
{METADATA}
data:
  MCA_CLUSTER_NAME: \"{cluster}\"
  MCA_NATS_URL: {url}
  MCA_VERBS: \"{verbs}\"
  MCA_NATS_CREDS: /etc/agent/agent.creds
{ca}"
        )
    }

    /// A NetworkPolicy for the ports of the bus that the one of all agents does not admit. Policies add up.
    fn bus_policy(&self) -> Option<String> {
        let addresses = self.nats_url.split(',');
        let addresses = addresses.filter_map(|address| address.trim().parse::<ServerAddr>().ok());
        let ports: BTreeSet<u16> = addresses.map(|address| address.port()).collect();
        let lacks = |port: &u16| !NETWORK_POLICY.contains(&format!("          port: {port}\n"));
        let ports: Vec<_> = ports.into_iter().filter(lacks).collect();
        let port = |port| format!("        - protocol: TCP\n          port: {port}\n");
        let rules: String = ports.iter().map(port).collect();
        (!ports.is_empty()).then(|| {
            format!(
                "# The port of the bus for this cluster's agents.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: agent-bus
{METADATA}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: multi-cluster-aggregator-agent
  policyTypes: [\"Egress\"]
  egress:
    - ports:
{rules}"
            )
        })
    }

    fn credential(&self, credentials: &Secret) -> String {
        let creds = BASE64.encode(credentials.expose());
        let ca = self.nats_ca.as_ref().map_or_else(String::new, |pem| {
            format!("  ca.pem: {}\n", BASE64.encode(pem))
        });
        format!(
            "# Secret: any holder of this credential can act as this cluster's agent on the bus.
apiVersion: v1
kind: Secret
metadata:
  name: agent-nats-creds
{METADATA}
type: Opaque
data:
  agent.creds: {creds}
{ca}"
        )
    }
}

/// A JSON string is also a YAML string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deployment_names_the_image_of_this_version_once() {
        let [.., deployment] = OBJECTS;
        let line = format!("          image: {IMAGE}\n");
        assert_eq!(deployment.matches(&line).count(), 1);
        assert_eq!(deployment.matches(IMAGE).count(), 1);
    }

    fn bus_policy(nats_url: &str) -> Option<String> {
        let agent = Agent {
            nats_url: nats_url.to_owned(),
            nats_ca: None,
            image: "agent:1".parse().unwrap(),
            verbs: AllowedVerbs::default(),
        };
        agent.bus_policy()
    }

    #[test]
    fn the_ports_of_the_bus_are_admitted() {
        for usual in [
            "tls://bus.example",
            "bus.example:4222",
            "wss://bus.example/path",
        ] {
            assert_eq!(bus_policy(usual), None, "{usual}");
        }
        let policy = bus_policy("tls://a.example:4443, tls://[fd00::1]:5222,tls://c.example");
        let ports = "    - ports:\n        - protocol: TCP\n          port: 4443\n        - protocol: TCP\n          port: 5222\n";
        assert!(policy.unwrap().ends_with(ports));
    }

    #[test]
    fn the_cluster_role_names_the_verbs_once() {
        let rules = OBJECTS
            .iter()
            .map(|object| object.matches(VERBS_RULE).count());
        assert_eq!(rules.sum::<usize>(), 1);
    }

    #[test]
    fn every_object_ends_its_last_line() {
        for object in OBJECTS {
            assert!(
                object.ends_with('\n') && !object.contains("---"),
                "{object}"
            );
        }
    }
}
