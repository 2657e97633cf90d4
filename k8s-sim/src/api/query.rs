//! The query parameters of a request.

use std::collections::HashMap;
use std::str::FromStr;

use serde::Deserialize;

use crate::kind::Kind;
use crate::selector::Labels;
use crate::selector::field::Fields;
use crate::status::{Cause, Result, Status};
use crate::store::Object;

#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Query(HashMap<String, String>);

impl Query {
    /// The value of a parameter; an empty one counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name).map(String::as_str);
        text.filter(|text| !text.is_empty())
    }

    pub fn flag(&self, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|text| !matches!(text.as_str(), "false" | "0"))
    }

    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let wrong = || {
            let message = format!("strconv.ParseInt: parsing \"{text}\": invalid syntax");
            Status::bad_request(message)
        };
        text.parse().map(Some).map_err(|_| wrong())
    }

    pub fn is_dry_run(&self) -> Result<bool> {
        match self.text("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                let cause = Cause::unsupported("dryRun", other, "All");
                Err(Status::bad_options("Options.meta.k8s.io", "", &[cause]))
            }
        }
    }

    pub fn selection(&self, kind: Kind, name: Option<&str>) -> Result<Selection> {
        let labels = Labels::parse(self.text("labelSelector").unwrap_or_default());
        let fields = Fields::parse(kind, self.text("fieldSelector").unwrap_or_default());
        Ok(Selection {
            labels: labels.map_err(Status::bad_request)?,
            fields: fields.map_err(Status::bad_request)?,
            name: name.map(str::to_owned),
        })
    }

    /// The requested resource version, `None` for the latest.
    pub fn resource_version(&self) -> Result<Option<u64>> {
        let Some(text) = self.text("resourceVersion") else {
            return Ok(None);
        };
        let version = text.parse().map(Some);
        version.map_err(|_| {
            Status::bad_request(format!(
                "resourceVersion: Invalid value: \"{text}\": invalid resource version \"{text}\""
            ))
        })
    }
}

/// The objects that a list or watch selects.
#[derive(Clone, Debug)]
pub struct Selection {
    labels: Labels,
    fields: Fields,
    name: Option<String>,
}

impl Selection {
    pub fn matches(&self, object: &Object) -> bool {
        self.labels.matches(object)
            && self.fields.matches(object)
            && self
                .name
                .as_deref()
                .is_none_or(|name| name == &*object.key.name)
    }

    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    pub fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}
