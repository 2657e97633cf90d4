//! Names, checked where they enter. A value of one of these types is always well-formed.
//!
//! Source of the rules: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a name. The text itself is shown escaped and cut, so that it is safe in logs and headers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown} is not a {what}: {rule}")]
pub struct NameError {
    what: &'static str,
    shown: String,
    rule: &'static str,
}

impl NameError {
    fn new(what: &'static str, rule: &'static str, text: &str) -> Self {
        let cut: String = text.chars().take(64).collect();
        let more = if cut.len() < text.len() { "…" } else { "" };
        Self {
            what,
            shown: format!("\"{}{more}\"", cut.escape_default()),
            rule,
        }
    }
}

const LABEL: &str = "use 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends";
const SUBDOMAIN: &str =
    "use 1 to 253 of a-z, 0-9, - and ., with a letter or digit at both ends of each part";

fn is_label(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_subdomain(text: &str) -> bool {
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        edge(bytes.first())
            && edge(bytes.last())
            && bytes
                .iter()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    text.len() <= 253 && text.split('.').all(part)
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $check:ident, $rule:ident, $pattern:tt, $longest:tt;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = $pattern, min_length = 1, max_length = $longest))]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                if $check(&text) {
                    Ok(Self(text))
                } else {
                    Err(NameError::new($what, $rule, &text))
                }
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A cluster's name: a DNS-1123 label, the only user-chosen text that ever stands in a subject.
    ClusterName, "cluster name", is_label, LABEL,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", 63;
    /// A Kubernetes namespace: a DNS-1123 label.
    Namespace, "namespace", is_label, LABEL,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", 63;
    /// A deployment's name: a DNS-1123 subdomain, so dots are legal; it travels in payloads only.
    DeploymentName, "deployment name", is_subdomain, SUBDOMAIN,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$", 253;
    /// A pod's name: a DNS-1123 subdomain.
    PodName, "pod name", is_subdomain, SUBDOMAIN,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$", 253;
    /// A container's name within a pod: a DNS-1123 label.
    ContainerName, "container name", is_label, LABEL,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", 63;
    /// The id of one followed log, minted by the agent: a DNS-1123 label, the last token of its subjects.
    StreamId, "stream id", is_label, LABEL,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", 63;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_cluster_names_are_refused() {
        let long = "a".repeat(64);
        for text in [
            "",
            "*",
            ">",
            "a.b",
            "a b",
            "a\tb",
            "a\r\nPUB x 0",
            "a\0",
            "A",
            "é",
            "-a",
            "a-",
            "..%2f",
            &long,
        ] {
            assert!(
                ClusterName::from_str(text).is_err(),
                "{text:?} was accepted"
            );
        }
    }

    #[test]
    fn a_deployment_may_have_dots_but_no_empty_part() {
        assert!(DeploymentName::from_str("my.app").is_ok());
        assert!(DeploymentName::from_str("my..app").is_err());
        assert!(DeploymentName::from_str(&"a.".repeat(130)).is_err());
    }

    #[test]
    fn the_error_shows_the_text_escaped_and_cut() {
        let error = ClusterName::from_str(&format!("\r\n{}", "x".repeat(900))).unwrap_err();
        let text = error.to_string();
        assert!(text.len() < 250, "{text}");
        assert!(!text.contains('\n'), "{text}");
        assert!(text.contains("cluster name"), "{text}");
    }

    proptest! {
        #[test]
        fn every_label_is_accepted_and_comes_back_from_json(text in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?") {
            let name = ClusterName::from_str(&text).unwrap();
            let json = serde_json::to_string(&name).unwrap();
            prop_assert_eq!(serde_json::from_str::<ClusterName>(&json).unwrap(), name);
        }

        #[test]
        fn whatever_is_accepted_is_one_subject_token(text in "\\PC{0,70}") {
            if let Ok(name) = ClusterName::from_str(&text) {
                prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
                prop_assert!(!name.as_str().is_empty());
            }
        }
    }
}
