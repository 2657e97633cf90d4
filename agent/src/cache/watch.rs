//! One watch that fills an index, or a part of it, forever.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use futures::StreamExt;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::index::Inherit;
use super::{Freshness, Index};
use crate::kubernetes::{CallError, condition_of};

/// A watch is renewed after this many seconds. A dead connection is noticed five seconds later.
const WATCH_SECONDS: u32 = 60;

/// One watch and the index that it fills, or its part of it.
pub struct Watch<'a, K, V, E, B, C> {
    /// The objects.
    pub api: Api<K>,
    /// The index.
    pub index: &'a Index<V>,
    /// How fresh its part of the index is.
    pub freshness: &'a Freshness,
    /// Whether a key belongs to its part.
    pub belongs: B,
    /// Converts an object into its key and cache entry; objects for which it returns nothing are left out.
    pub to_entry: E,
    /// Called with the key of each item that has changed or is gone, once its part has been filled.
    pub changed: C,
    /// Notified on a change that the next heartbeat should report immediately.
    pub heartbeat_due: &'a Notify,
}

impl<K, V, E, B, C> Watch<'_, K, V, E, B, C>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    V: PartialEq + Inherit,
    E: Fn(K) -> Option<(Box<str>, V)>,
    B: Fn(&str) -> bool,
    C: Fn(Box<str>),
{
    /// Watches the API server's objects forever.
    pub async fn run(self) {
        let mut backoff = DefaultBackoff::default();
        loop {
            let error = self.follow().await;
            // A watch that fell too far behind is not the cluster's fault: list again.
            if let Some((kind, message)) = condition_of(&error)
                && self.freshness.broke(Instant::now(), kind, message.clone())
            {
                tracing::warn!(
                    of = %self.api.resource_url(),
                    reason = message,
                    "a watch failed; retrying"
                );
                self.heartbeat_due.notify_one();
            }
            // The backoff never ends, doubles up to half a minute, and resets after two minutes without a failure.
            sleep(backoff.next().unwrap_or_default()).await;
        }
    }

    /// Runs until the first error. kube's watcher could resume by itself, but would not report the recovery; a new one begins with a
    /// list, whose end reports it.
    async fn follow(&self) -> CallError {
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        let mut events = std::pin::pin!(watcher(self.api.clone(), config));
        let mut listed = BTreeMap::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed = BTreeMap::new(),
                Ok(Event::InitApply(object)) => {
                    let entry = (self.to_entry)(object);
                    listed.extend(entry.map(|(key, value)| (key, Arc::new(value))));
                }
                Ok(Event::InitDone) => {
                    let first = !self.freshness.is_filled();
                    let listed = std::mem::take(&mut listed);
                    let others = self.index.replace(&self.belongs, listed);
                    if !first {
                        others.into_iter().for_each(&self.changed);
                    }
                    if self.freshness.flows() {
                        self.heartbeat_due.notify_one();
                    }
                }
                Ok(Event::Apply(object)) => {
                    if let Some((key, value)) = (self.to_entry)(object)
                        && self.index.insert(key.clone(), value)
                    {
                        (self.changed)(key);
                    }
                }
                Ok(Event::Delete(object)) => {
                    if let Some((key, _)) = (self.to_entry)(object)
                        && self.index.remove(&key)
                    {
                        (self.changed)(key);
                    }
                }
                Err(error) => return to_call_error(error),
            }
        }
        CallError::TimedOut
    }
}

fn to_call_error(error: watcher::Error) -> CallError {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error.into(),
        watcher::Error::WatchError(status) => CallError::Refused(status),
        watcher::Error::NoResourceVersion => CallError::TimedOut,
    }
}
