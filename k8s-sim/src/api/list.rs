//! Lists, whole or in pages. All pages of one list show the same resource version, which the continue token contains.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::query::Selection;
use super::read::Shape;
use super::{Call, json_response};
use crate::kind::Kind;
use crate::shared::Shared;
use crate::status::{Result, Status};
use crate::store::{Key, Object};

const INCONSISTENT: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

pub fn list(cluster: &Arc<Shared>, call: &Call) -> Result<Response> {
    let target = &call.target;
    let namespace = target.namespace.as_deref();
    let selection = call.query.selection(target.kind, None)?;
    let request = PageRequest::parse(call)?;
    let mut state = cluster.state();
    state.wake_selected(target.kind, namespace, selection.labels());
    let moment = request.moment(state.store.revision())?;
    let objects = state.store.list_at(target.kind, namespace, moment);
    drop(state);
    let objects = objects.ok_or_else(|| request.expired())?;
    let page = request.cut(objects, &selection, moment);
    Ok(json_response(
        StatusCode::OK,
        page.render(target.kind, Shape::of(&call.headers)),
    ))
}

/// The start of a page of a list. To the client it is an opaque token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Continue {
    /// `None` for the latest version, if the list's own version has been compacted.
    moment: Option<u64>,
    namespace: String,
    name: String,
}

impl Continue {
    fn to_token(&self) -> String {
        let json = serde_json::to_vec(self).expect("a token can be written as JSON");
        json.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn parse(token: &str) -> Option<Self> {
        let digits = |at: usize| u8::from_str_radix(token.get(at..at + 2)?, 16).ok();
        let bytes: Option<Vec<u8>> = (0..token.len()).step_by(2).map(digits).collect();
        serde_json::from_slice(&bytes?).ok()
    }
}

struct PageRequest {
    limit: Option<usize>,
    after: Option<Continue>,
    exactly: Option<u64>,
    not_older_than: u64,
}

impl PageRequest {
    fn parse(call: &Call) -> Result<Self> {
        let query = &call.query;
        let version = query.resource_version()?;
        let after = match query.text("continue") {
            None => None,
            Some(_) if version.is_some_and(|version| version > 0) => {
                let message = "specifying resource version is not allowed when using continue";
                return Err(Status::bad_request(message));
            }
            Some(token) => {
                let wrong = || Status::bad_request("continue key is not valid");
                Some(Continue::parse(token).ok_or_else(wrong)?)
            }
        };
        let exact = query.text("resourceVersionMatch") == Some("Exact");
        Ok(Self {
            limit: query.number("limit")?.filter(|limit| *limit > 0),
            after,
            exactly: version.filter(|_| exact),
            not_older_than: version.filter(|_| !exact).unwrap_or(0),
        })
    }

    /// The resource version at which the list is read.
    fn moment(&self, latest: u64) -> Result<u64> {
        let wanted = self.after.as_ref().and_then(|after| after.moment);
        let wanted = wanted.or(self.exactly);
        let least = wanted.unwrap_or(self.not_older_than);
        if least > latest {
            return Err(Status::too_large(least, latest));
        }
        Ok(wanted.unwrap_or(latest))
    }

    /// The error for a compacted version, with a token to continue at the latest one.
    fn expired(&self) -> Status {
        let Some(after) = &self.after else {
            return Status::expired("The resourceVersion for the provided list is too old.");
        };
        let present = Continue {
            moment: None,
            ..after.clone()
        };
        Status {
            continue_: Some(present.to_token()),
            ..Status::expired(INCONSISTENT)
        }
    }

    fn cut(&self, objects: Vec<Arc<Object>>, selection: &Selection, moment: u64) -> Page {
        let start = self.after.as_ref().map(|a| Key::new(&a.namespace, &a.name));
        let from = start.map_or(0, |key| objects.partition_point(|o| o.key <= key));
        let mut rest = objects
            .into_iter()
            .skip(from)
            .filter(|o| selection.matches(o));
        let Some(limit) = self.limit else {
            return Page {
                moment,
                items: rest.collect(),
                next: None,
                remaining: None,
            };
        };
        let items: Vec<_> = rest.by_ref().take(limit).collect();
        let remaining = rest.count();
        let last = items.last().filter(|_| remaining > 0);
        let next = last.map(|last| Continue {
            moment: Some(moment),
            namespace: last.key.namespace.to_string(),
            name: last.key.name.to_string(),
        });
        Page {
            moment,
            remaining: (next.is_some() && selection.is_everything()).then_some(remaining),
            items,
            next,
        }
    }
}

struct Page {
    moment: u64,
    items: Vec<Arc<Object>>,
    next: Option<Continue>,
    /// The number of remaining items; only set without a selector, as in the real API server.
    remaining: Option<usize>,
}

impl Page {
    fn render(&self, kind: Kind, shape: Shape) -> Vec<u8> {
        let (list_kind, version) = shape.list_type(kind);
        let metadata = self.metadata();
        let size: usize = self.items.iter().map(|item| item.json.len() + 1).sum();
        let mut body = Vec::with_capacity(size + 200);
        let head = format!(
            r#"{{"kind":"{list_kind}","apiVersion":"{version}","metadata":{metadata},"items":["#
        );
        body.extend_from_slice(head.as_bytes());
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            shape.write_item(item, &mut body);
        }
        body.extend_from_slice(b"]}\n");
        body
    }

    fn metadata(&self) -> Value {
        let mut metadata = json!({ "resourceVersion": self.moment.to_string() });
        if let Some(next) = &self.next {
            metadata["continue"] = next.to_token().into();
        }
        if let Some(remaining) = self.remaining {
            metadata["remainingItemCount"] = remaining.into();
        }
        metadata
    }
}
