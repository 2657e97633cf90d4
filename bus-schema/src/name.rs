//! Names, validated on input. A value of one of these types is always well-formed.
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

const IMAGE: &str = "use 1 to 500 visible ASCII characters, without blanks";
const LABEL: &str = "use 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends";
const SUBDOMAIN: &str =
    "use 1 to 253 of a-z, 0-9, - and ., with a letter or digit at both ends of each part";

const LABEL_KEY: &str = "use 1 to 63 letters, digits, -, _ and ., with a letter or digit at both ends; before that may be a DNS subdomain and /";
const LABEL_VALUE: &str =
    "use up to 63 letters, digits, -, _ and ., with a letter or digit at both ends";

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

/// The name of a label, and a value that is not empty.
fn is_qualified(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    bytes.len() <= 63 && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(legal)
}

/// The same rule applies to the keys of a selector.
pub(crate) fn is_label_key(text: &str) -> bool {
    match text.rsplit_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_qualified(name),
        None => is_qualified(text),
    }
}

pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_qualified(text)
}

fn is_image(text: &str) -> bool {
    (1..=500).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $check:ident, $rule:ident, $pattern:tt, $shortest:tt to $longest:tt;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = $pattern, min_length = $shortest, max_length = $longest))]
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
    /// A cluster's name: a DNS-1123 label, the only user-chosen text that is part of a subject.
    ClusterName, "cluster name", is_label, LABEL,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", 1 to 63;
    /// A Kubernetes namespace: a DNS-1123 label.
    Namespace, "namespace", is_label, LABEL,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", 1 to 63;
    /// The name of a workload, such as a deployment: a DNS-1123 subdomain, so dots are allowed; it is used in payloads only.
    WorkloadName, "deployment name", is_subdomain, SUBDOMAIN,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$", 1 to 253;
    /// A pod's name: a DNS-1123 subdomain.
    PodName, "pod name", is_subdomain, SUBDOMAIN,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$", 1 to 253;
    /// A container's name within a pod: a DNS-1123 label.
    ContainerName, "container name", is_label, LABEL,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", 1 to 63;
    /// The image of a container, such as `registry.example/shop/cart:1.4`. Its grammar is the registry's.
    ImageName, "image", is_image, IMAGE,
        r"^[!-~]+$", 1 to 500;
    /// The id of one followed log, generated by the agent: a DNS-1123 label, the last token of its subjects.
    StreamId, "stream id", is_label, LABEL,
        r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", 1 to 63;
    /// The key of a label: a name, after a DNS-1123 subdomain and `/` if it has a prefix.
    LabelKey, "label key", is_label_key, LABEL_KEY,
        r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$", 1 to 317;
    /// The value of a label, which may be empty.
    LabelValue, "label value", is_label_value, LABEL_VALUE,
        r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$", 0 to 63;
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
        assert!(WorkloadName::from_str("my.app").is_ok());
        assert!(WorkloadName::from_str("my..app").is_err());
        assert!(WorkloadName::from_str(&"a.".repeat(130)).is_err());
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

    #[test]
    fn labels_follow_the_rules_of_kubernetes() {
        let long = "a".repeat(64);
        for key in ["env", "Env_1.x", "example.com/env", "a/b"] {
            assert!(key.parse::<LabelKey>().is_ok(), "{key}");
        }
        for key in [
            "", "-a", "a-", "a b", "a=b", "/a", "a/", "A.B/c", "a/b/c", "é", &long,
        ] {
            assert!(key.parse::<LabelKey>().is_err(), "{key}");
        }
        for value in ["", "prod", "EU_1.2", &long[..63]] {
            assert!(value.parse::<LabelValue>().is_ok(), "{value}");
        }
        for value in ["-", "a/b", "a b", "a,b", "é", &long] {
            assert!(value.parse::<LabelValue>().is_err(), "{value}");
        }
    }
}
