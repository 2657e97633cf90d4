//! Field selectors: a few fields for each kind, compared as text.

use crate::kind::Kind;
use crate::store::Object;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<Comparison>);

#[derive(Clone, Debug, PartialEq)]
struct Comparison {
    field: String,
    equal: bool,
    value: String,
}

impl Fields {
    pub fn parse(kind: Kind, text: &str) -> Result<Self, String> {
        let parts = text.split(',').filter(|part| !part.is_empty());
        let comparisons: Vec<_> = parts.map(Comparison::parse).collect::<Result<_, _>>()?;
        match comparisons.iter().find(|c| !is_selectable(kind, &c.field)) {
            Some(c) if kind.group().is_empty() && kind != Kind::Namespace => {
                Err(format!("field label not supported: {}", c.field))
            }
            Some(c) => Err(format!(
                "\"{}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                c.field
            )),
            None => Ok(Fields(comparisons)),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|c| c.matches(object))
    }
}

impl Comparison {
    fn parse(text: &str) -> Result<Self, String> {
        let (field, equal, value) = if let Some((field, value)) = text.split_once("!=") {
            (field, false, value)
        } else if let Some((field, value)) = text.split_once("==").or_else(|| text.split_once('='))
        {
            (field, true, value)
        } else {
            return Err(format!(
                "invalid selector: '{text}'; can't understand '{text}'"
            ));
        };
        Ok(Self {
            field: field.to_owned(),
            equal,
            value: value.to_owned(),
        })
    }

    fn matches(&self, object: &Object) -> bool {
        let equal = match self.field.as_str() {
            "metadata.name" => *object.key.name == *self.value,
            "metadata.namespace" => *object.key.namespace == *self.value,
            field => {
                let pointer = format!("/{}", field.replace('.', "/"));
                let value = object.value();
                let found = value.pointer(&pointer).and_then(|v| v.as_str());
                found.unwrap_or_default() == self.value
            }
        };
        equal == self.equal
    }
}

fn is_selectable(kind: Kind, field: &str) -> bool {
    let more: &[&str] = match kind {
        Kind::Pod => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
        ],
        Kind::Event => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        Kind::Namespace => &["status.phase"],
        Kind::Node => &["spec.unschedulable"],
        Kind::ReplicaSet => &["status.replicas"],
        _ => &[],
    };
    ["metadata.name", "metadata.namespace"].contains(&field) || more.contains(&field)
}
