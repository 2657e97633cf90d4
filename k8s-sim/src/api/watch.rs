//! Watches: the changes after a resource version, as one JSON object a line, until the client, its timeout or the
//! cluster ends it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::query::Selection;
use super::read::Shape;
use super::{BOOKMARK_EVERY, Call, json_response};
use crate::kind::Kind;
use crate::shared::Shared;
use crate::status::{Cause, Result, Status};
use crate::store::{Change, ChangeKind, Object, Store};

/// The real server picks a random timeout between 30 and 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(45 * 60);

pub fn watch(cluster: &Arc<Shared>, call: &Call) -> Result<Response> {
    let target = &call.target;
    let query = &call.query;
    let seconds: Option<u64> = query.number("timeoutSeconds")?;
    let timeout = seconds.filter(|s| *s > 0).map(Duration::from_secs);
    let mut watch = Watch {
        scope: Scope {
            kind: target.kind,
            namespace: target.namespace.clone(),
            selection: query.selection(target.kind, target.name.as_deref())?,
            shape: Shape::of(&call.headers),
        },
        bookmarks: query.flag("allowWatchBookmarks"),
        head: cluster.state().store.head(),
        cluster: cluster.clone(),
        seen: 0,
        ends: Instant::now() + timeout.unwrap_or(DEFAULT_TIMEOUT),
        next_bookmark: Instant::now() + BOOKMARK_EVERY,
        breaks: cluster.breaks.subscribe(),
        over: false,
    };
    let first = watch.begin(call)?;
    let stream = stream::unfold((Some(first), watch), |(first, mut watch)| async move {
        let chunk = match first {
            Some(first) if !first.is_empty() => first,
            _ => watch.next().await?,
        };
        Some((
            Ok::<_, std::convert::Infallible>(Bytes::from(chunk)),
            (None, watch),
        ))
    });
    Ok(json_response(StatusCode::OK, Body::from_stream(stream)))
}

struct Watch {
    cluster: Arc<Shared>,
    scope: Scope,
    bookmarks: bool,
    /// Changes up to this resource version have been sent.
    seen: u64,
    head: Receiver<u64>,
    breaks: Receiver<u64>,
    ends: Instant,
    next_bookmark: Instant,
    over: bool,
}

struct Scope {
    kind: Kind,
    namespace: Option<String>,
    selection: Selection,
    shape: Shape,
}

impl Watch {
    /// Determines the start, and writes existing objects if the client requests them.
    fn begin(&mut self, call: &Call) -> Result<Vec<u8>> {
        let query = &call.query;
        let initial = query.text("sendInitialEvents");
        check_initial(query.text("resourceVersionMatch"), initial)?;
        let version = query.resource_version()?.unwrap_or(0);
        let mut state = self.cluster.state();
        let namespace = self.scope.namespace.as_deref();
        state.wake_selected(self.scope.kind, namespace, self.scope.selection.labels());
        let store = &state.store;
        let wants_all = match initial {
            Some(text) => text == "true",
            None => version == 0,
        };
        self.seen = if version == 0 || wants_all {
            store.revision()
        } else {
            version
        };
        let mut lines = Vec::new();
        if wants_all {
            for object in store.list(self.scope.kind, namespace) {
                if self.scope.selection.matches(object) {
                    self.scope.write("ADDED", object, &mut lines);
                }
            }
            if initial.is_some() && self.bookmarks {
                self.scope.write_bookmark(self.seen, true, &mut lines);
            }
        }
        Ok(lines)
    }

    /// The next lines, or `None` at the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if self.over {
                return None;
            }
            self.head.mark_unchanged();
            let lines = self.catch_up();
            if !lines.is_empty() {
                return Some(lines);
            }
            tokio::select! {
                changed = self.head.changed() => changed.ok()?,
                _ = self.breaks.changed() => return None,
                () = self.cluster.shutdown.cancelled() => return None,
                () = tokio::time::sleep_until(self.ends) => return self.last_bookmark(),
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    return Some(self.bookmark());
                }
            }
        }
    }

    fn catch_up(&mut self) -> Vec<u8> {
        let state = self.cluster.state();
        let mut lines = Vec::new();
        if let Some(changes) = state.store.journal().after(self.seen) {
            for change in changes {
                self.scope.write_change(change, &mut lines);
            }
            self.seen = self.seen.max(state.store.revision());
        } else {
            self.over = true;
            write_error(&too_old(&state.store, self.seen), &mut lines);
        }
        lines
    }

    fn bookmark(&mut self) -> Vec<u8> {
        self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
        let mut lines = Vec::new();
        self.scope.write_bookmark(self.seen, false, &mut lines);
        lines
    }

    fn last_bookmark(&mut self) -> Option<Vec<u8>> {
        self.over = true;
        self.bookmarks.then(|| self.bookmark())
    }
}

fn too_old(store: &Store, seen: u64) -> Status {
    Status::too_old(seen, store.journal().complete_after())
}

impl Scope {
    fn write_change(&self, change: &Change, lines: &mut Vec<u8>) {
        let object = &change.object;
        let here = self
            .namespace
            .as_deref()
            .is_none_or(|n| n == &*object.key.namespace);
        if object.kind != self.kind || !here {
            return;
        }
        let before = change
            .before
            .as_ref()
            .is_some_and(|b| self.selection.matches(b));
        let after = change.kind != ChangeKind::Deleted && self.selection.matches(object);
        match (before, after) {
            (false, true) => self.write("ADDED", object, lines),
            (true, true) => self.write("MODIFIED", object, lines),
            (true, false) => self.write_gone(change, lines),
            (false, false) => {}
        }
    }

    /// An object that no longer matches is sent in its last matching state, with the version of the change.
    fn write_gone(&self, change: &Change, lines: &mut Vec<u8>) {
        match &change.before {
            Some(before) if change.kind != ChangeKind::Deleted => {
                self.write("DELETED", &before.at_revision(change.revision), lines);
            }
            _ => self.write("DELETED", &change.object, lines),
        }
    }

    fn write(&self, what: &str, object: &Object, lines: &mut Vec<u8>) {
        lines.extend_from_slice(format!(r#"{{"type":"{what}","object":"#).as_bytes());
        match self.shape {
            Shape::Full => lines.extend_from_slice(&object.json),
            Shape::Metadata => lines.extend(self.shape.body(object)),
        }
        lines.extend_from_slice(b"}\n");
    }

    fn write_bookmark(&self, revision: u64, ends_initial: bool, lines: &mut Vec<u8>) {
        let mut metadata = json!({ "resourceVersion": revision.to_string() });
        if ends_initial {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let (kind, version) = match self.shape {
            Shape::Full => (self.kind.name(), self.kind.api_version()),
            Shape::Metadata => ("PartialObjectMetadata", "meta.k8s.io/v1"),
        };
        let object = json!({ "kind": kind, "apiVersion": version, "metadata": metadata });
        write_line(&json!({ "type": "BOOKMARK", "object": object }), lines);
    }
}

fn write_error(status: &Status, lines: &mut Vec<u8>) {
    write_line(
        &json!({ "type": "ERROR", "object": status.to_json() }),
        lines,
    );
}

fn write_line(line: &Value, lines: &mut Vec<u8>) {
    lines.extend_from_slice(line.to_string().as_bytes());
    lines.push(b'\n');
}

fn check_initial(version_match: Option<&str>, initial: Option<&str>) -> Result<()> {
    let why = match (initial, version_match) {
        (None, Some(_)) => {
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        }
        (Some(_), version) if version != Some("NotOlderThan") => {
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        }
        _ => return Ok(()),
    };
    let cause = Cause::forbidden("resourceVersionMatch", why);
    Err(Status::bad_options("ListOptions.meta.k8s.io", "", &[cause]))
}
