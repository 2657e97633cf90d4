//! Replies that are relayed byte for byte: parsing a whole list and serializing it again would take longer than the round trip to the
//! cluster. Only what its reader relies on is validated: that it is a list, not deeply nested, and of the requested namespace.

use std::borrow::Cow;
use std::fmt;

use bus_schema::verb::ListWorkloads;
use bus_schema::{ClusterName, MAX_LIMIT, Namespace};
use bytes::Bytes;
use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Fleet;
use super::agent_link::SendError;
use super::text::Text;
use diagnostics::Problem;
use identity::Principal;

/// The JSON of a reply, as the cluster wrote it.
#[derive(Debug)]
pub struct Relayed(Bytes);

impl Relayed {
    /// The JSON.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Fleet {
    /// The workloads of one namespace, as the cluster's JSON.
    ///
    /// # Errors
    /// As [`Fleet::ask`].
    pub async fn relay_workloads(
        &self,
        principal: &Principal,
        cluster: &ClusterName,
        request: &ListWorkloads,
    ) -> Result<Relayed, Problem> {
        let reply = self.ask_for_bytes(principal, cluster, request).await?;
        match check(&reply, request.namespace.as_ref()) {
            Ok(()) => Ok(Relayed(reply)),
            Err(error) => Err(self.read_error(SendError::Unreadable(error.into()), cluster)),
        }
    }
}

fn check(reply: &[u8], namespace: Option<&Namespace>) -> serde_json::Result<()> {
    let List { items, .. } = serde_json::from_slice(reply)?;
    if items.len() > MAX_LIMIT as usize {
        return Err(de::Error::custom("more items than a page has"));
    }
    let begins = namespace.map(|requested| format!("{{\"namespace\":\"{requested}\","));
    for item in items {
        let text = item.get();
        let prefix = begins.as_deref();
        if prefix.is_some_and(|begins| text.strip_prefix(begins).is_some_and(is_plain)) {
            continue;
        }
        let Item(found) = serde_json::from_str(text)?;
        if namespace.is_some_and(|requested| found != requested.as_str()) {
            return Err(de::Error::custom(format!(
                "an item of the namespace {found:?}"
            )));
        }
    }
    Ok(())
}

/// Whether an item needs no further validation after its namespace: it names no other one, not even with escapes, and has fewer opening
/// brackets than the JSON parser's depth limit. Our agents' items begin with their namespace.
fn is_plain(rest: &str) -> bool {
    let bytes = rest.as_bytes().iter();
    let opening = bytes.filter(|byte| matches!(byte, b'[' | b'{')).count();
    opening < 100 && !rest.contains('\\') && !rest.contains("\"namespace\"")
}

/// A page whose items are only validated.
#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    #[serde(borrow, rename = "continue", default)]
    _next: Option<Text<'a>>,
    #[serde(default, rename = "stale_seconds")]
    _stale_seconds: Option<u64>,
}

/// An item's namespace; of the rest only the nesting depth is checked.
struct Item<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Item<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Item<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a namespace")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item<'de>, A::Error> {
                let mut namespace = None;
                while let Some(Text(field)) = map.next_key()? {
                    match &*field {
                        "namespace" if namespace.is_some() => {
                            return Err(de::Error::duplicate_field("namespace"));
                        }
                        "namespace" => namespace = Some(map.next_value::<Text>()?.0),
                        _ => {
                            map.next_value::<Shallow>()?;
                        }
                    }
                }
                let namespace = namespace.ok_or_else(|| de::Error::missing_field("namespace"))?;
                Ok(Item(namespace))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Any value within the JSON parser's depth limit, which the parser does not apply to ignored values.
struct Shallow;

impl<'de> Deserialize<'de> for Shallow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shallow)
    }
}

impl<'de> Visitor<'de> for Shallow {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Shallow>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self, A::Error> {
        while fields.next_entry::<IgnoredAny, Shallow>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(reply: &str) -> Result<(), String> {
        let namespace = "shop".parse().expect("a namespace");
        check(reply.as_bytes(), Some(&namespace)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_page_of_the_namespace_is_relayed_with_fields_of_a_newer_agent() {
        for reply in [
            r#"{"items":[]}"#,
            r#"{"items":[{"namespace":"shop"},{"newer":[{"a":-1.5e3}],"namespace":"sh\u006fp"}],"newer":{}}"#,
            r#"{"items":[],"continue":"shop\/a","stale_seconds":7}"#,
        ] {
            assert_eq!(checked(reply), Ok(()), "{reply}");
        }
    }

    #[test]
    fn an_invalid_page_is_not_relayed() {
        let deep = |open: &str, close: &str| {
            let value = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
            format!(r#"{{"items":[{{"namespace":"shop","labels":{value}}}]}}"#)
        };
        let many = format!(
            r#"{{"items":[{}]}}"#,
            vec![r#"{"namespace":"shop"}"#; MAX_LIMIT as usize + 1].join(",")
        );
        let replies = [
            (String::new(), "EOF"),
            (r#"{"items":[{}]}"#.to_owned(), "missing field"),
            (r#"{"items":[{"namespace":"pay"}]}"#.to_owned(), "pay"),
            (
                r#"{"items":[{"namespace":"shop","namespace":"pay"}]}"#.to_owned(),
                "duplicate",
            ),
            (
                r#"{"items":[{"namespace":"shop","n\u0061mespace":"pay"}]}"#.to_owned(),
                "duplicate",
            ),
            (r#"{"items":[{"namespace":7}]}"#.to_owned(), "invalid type"),
            (r#"{"items":["shop"]}"#.to_owned(), "invalid type"),
            (
                r#"{"items":[{"namespace":"shop"}]} x"#.to_owned(),
                "trailing",
            ),
            (r#"{"items":[],"continue":7}"#.to_owned(), "invalid type"),
            (deep("[", "]"), "recursion limit"),
            (deep("{\"a\":", "}"), "recursion limit"),
            (many, "more items"),
        ];
        for (reply, why) in replies {
            let error = checked(&reply).expect_err("it is refused");
            assert!(error.contains(why), "{error}");
        }
    }
}
