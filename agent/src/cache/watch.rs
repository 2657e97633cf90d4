//! One watch that fills one index, forever.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use futures::StreamExt;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::Index;
use super::index::Inherit;
use crate::kubernetes::{CallError, condition_of};

/// A watch is renewed after this many seconds. A dead connection is noticed five seconds later.
const WATCH_SECONDS: u32 = 60;

/// Converts an object into its key and cache entry.
type ToEntry<K, V> = fn(&K) -> Option<(Box<str>, V)>;

/// Watches the API server's objects; those for which `to_entry` returns nothing are left out. `changed` is called with the key of each
/// item that has changed or is gone, once the index has been filled.
pub async fn run<K, V>(
    index: &Index<V>,
    api: Api<K>,
    to_entry: ToEntry<K, V>,
    heartbeat_due: &Notify,
    changed: impl Fn(Box<str>),
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    V: PartialEq + Inherit,
{
    let mut backoff = DefaultBackoff::default();
    loop {
        let error = follow(index, &api, to_entry, heartbeat_due, &changed).await;
        // A watch that fell too far behind is not the cluster's fault: list again.
        if let Some((kind, message)) = condition_of(&error)
            && index.freshness.broke(Instant::now(), kind, message.clone())
        {
            tracing::warn!(
                of = std::any::type_name::<V>(),
                reason = message,
                "a watch failed; retrying"
            );
            heartbeat_due.notify_one();
        }
        // The backoff never ends, doubles up to half a minute, and resets after two minutes without a failure.
        sleep(backoff.next().unwrap_or_default()).await;
    }
}

/// Runs until the first error. kube's watcher could resume by itself, but would not report the recovery; a new one begins with a list,
/// whose end reports it.
async fn follow<K, V>(
    index: &Index<V>,
    api: &Api<K>,
    to_entry: ToEntry<K, V>,
    heartbeat_due: &Notify,
    changed: &impl Fn(Box<str>),
) -> CallError
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    V: PartialEq + Inherit,
{
    let config = watcher::Config::default().timeout(WATCH_SECONDS);
    let mut events = std::pin::pin!(watcher(api.clone(), config));
    let mut listed = BTreeMap::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed = BTreeMap::new(),
            Ok(Event::InitApply(object)) => {
                let entry = to_entry(&object).map(|(key, value)| (key, Arc::new(value)));
                listed.extend(entry);
            }
            Ok(Event::InitDone) => {
                let first = !index.freshness.is_filled();
                let others = index.replace(std::mem::take(&mut listed));
                if !first {
                    others.into_iter().for_each(changed);
                }
                if index.freshness.flows() {
                    heartbeat_due.notify_one();
                }
            }
            Ok(Event::Apply(object)) => {
                if let Some((key, value)) = to_entry(&object)
                    && index.insert(key.clone(), value)
                {
                    changed(key);
                }
            }
            Ok(Event::Delete(object)) => {
                if let Some((key, _)) = to_entry(&object)
                    && index.remove(&key)
                {
                    changed(key);
                }
            }
            Err(error) => return to_call_error(error),
        }
    }
    CallError::TimedOut
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
