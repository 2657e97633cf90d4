//! `namespaces`: a page of the cached namespaces.

use std::collections::HashMap;

use bus_schema::page::limit;
use bus_schema::verb::{ListNamespaces, NamespaceSummary};
use bus_schema::{Fault, Namespace, Page, Pattern, WorkloadKind};

use crate::agent::Cx;
use crate::cache::{Caches, NamespaceEntry, split};
use crate::page;

/// A generous bound of an item's size in JSON: a name of 63 characters, a phase, a time and three numbers.
const BYTES: usize = 260;

pub async fn list(cx: Cx, request: ListNamespaces) -> Result<Page<NamespaceSummary>, Fault> {
    let caches = &cx.agent.caches;
    let limit = limit(request.limit)?;
    if let Some(after) = &request.next {
        let named: Result<Namespace, _> = after.parse();
        named.map_err(|error| page::not_a_cursor(&error.to_string()))?;
    }
    caches.ready()?;
    let counts = workloads_by_namespace(caches);
    let wanted = request.namespaces.as_deref();
    let is_wanted = |name: &str| wanted.is_none_or(|patterns| Pattern::any(patterns, name));
    let mut page = caches.namespaces.walk(request.next.as_deref(), |entries| {
        // Filtered before the page is cut, so that neither its length nor its end reveals the others.
        let entries = entries.filter(|(name, _)| is_wanted(name));
        let summaries = entries.filter_map(|(name, entry)| to_summary(name, entry, &counts));
        page::fill(summaries, limit, |_| BYTES, |s| s.namespace.to_string())
    });
    page.stale_seconds = caches.stale_seconds();
    Ok(page)
}

/// The number of workloads of each kind.
type Kinds = [u64; WorkloadKind::ALL.len()];

fn workloads_by_namespace(caches: &Caches) -> HashMap<String, Kinds> {
    caches.workloads.walk(None, |entries| {
        let mut counts: HashMap<String, Kinds> = HashMap::new();
        for (key, entry) in entries {
            let (namespace, ..) = split(key);
            let kind = entry.kind as usize;
            match counts.get_mut(namespace) {
                Some(counts) => counts[kind] += 1,
                None => {
                    let mut first = Kinds::default();
                    first[kind] = 1;
                    counts.insert(namespace.to_owned(), first);
                }
            }
        }
        counts
    })
}

fn to_summary(
    name: &str,
    entry: &NamespaceEntry,
    counts: &HashMap<String, Kinds>,
) -> Option<NamespaceSummary> {
    let [deployments, stateful_sets, daemon_sets] = counts.get(name).copied().unwrap_or_default();
    Some(NamespaceSummary {
        namespace: name.parse().ok()?,
        phase: entry.phase.to_string(),
        created_at: entry.created_at,
        deployments,
        stateful_sets,
        daemon_sets,
    })
}
