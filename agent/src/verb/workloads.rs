//! `workloads` and `deployments`: a page of the cached workloads, filtered.

use bus_schema::page::limit;
use bus_schema::verb::{ListDeployments, ListWorkloads};
use bus_schema::{Fault, Filter, Page, WorkloadFilter, WorkloadKind, WorkloadRef, WorkloadView};

use crate::agent::Cx;
use crate::cache::{Item, key, prefix, split};
use crate::page;

/// The deployments alone.
pub async fn list_deployments(cx: Cx, request: ListDeployments) -> Result<Page<Item>, Fault> {
    let kinds = vec![WorkloadKind::Deployment];
    list(cx, ListWorkloads { kinds, ..request.0 }).await
}

pub async fn list(cx: Cx, request: ListWorkloads) -> Result<Page<Item>, Fault> {
    let caches = &cx.agent.caches;
    if let Some(meant) = &request.cluster_uid {
        cx.agent.is_cluster(meant)?;
    }
    let limit = limit(request.limit)?;
    let start = start(&request)?;
    let prefix = request.namespace.as_ref().map(prefix);
    let filter = Filter::new(to_filter(request))?;
    caches.ready()?;
    let mut page = caches.workloads.walk(start.as_deref(), |entries| {
        let found = entries
            // Keys begin with the namespace and are sorted, so the first key of another namespace is the end.
            .take_while(|(key, _)| prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix)))
            .filter(|(key, entry)| filter.matches(split(key).1, &***entry));
        let page = page::fill(
            found,
            limit,
            |(_, entry)| (&***entry).bytes(),
            |(key, _)| cursor(key),
        );
        Page {
            items: page
                .items
                .into_iter()
                .map(|(_, entry)| Item(entry.clone()))
                .collect(),
            next: page.next,
            stale_seconds: None,
        }
    });
    page.stale_seconds = caches.stale_seconds();
    Ok(page)
}

/// The key after which the page begins: the last key of the previous page, or the namespace's prefix.
fn start(request: &ListWorkloads) -> Result<Option<String>, Fault> {
    let first = request.namespace.as_ref().map(prefix);
    let Some(cursor) = &request.next else {
        return Ok(first);
    };
    let wrong = |error: &dyn std::fmt::Display| page::not_a_cursor(&error.to_string());
    let (namespace, rest) = cursor
        .split_once('/')
        .ok_or_else(|| page::not_a_cursor("it has no slash"))?;
    let (name, kind) = match rest.split_once('/') {
        Some((name, kind)) => (name, kind.parse().map_err(|e| wrong(&e))?),
        None => (rest, WorkloadKind::Deployment),
    };
    let after = String::from(key(&WorkloadRef {
        namespace: namespace.parse().map_err(|e| wrong(&e))?,
        kind,
        name: name.parse().map_err(|e| wrong(&e))?,
    }));
    Ok(first.into_iter().chain([after]).max())
}

/// Without the namespace, which already limits the iteration.
fn to_filter(request: ListWorkloads) -> WorkloadFilter {
    WorkloadFilter {
        kinds: request.kinds,
        namespaces: Vec::new(),
        label_selector: request.label_selector,
        name: None,
        q: request.q,
        image: request.image,
        health: request.health,
    }
}

fn cursor(key: &str) -> String {
    match split(key) {
        (namespace, name, WorkloadKind::Deployment) => format!("{namespace}/{name}"),
        (namespace, name, kind) => format!("{namespace}/{name}/{kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(namespace: Option<&str>, next: Option<&str>) -> ListWorkloads {
        ListWorkloads {
            namespace: namespace.map(|n| n.parse().expect("a namespace")),
            next: next.map(str::to_owned),
            ..ListWorkloads::default()
        }
    }

    #[test]
    fn a_cursor_leads_behind_the_item_that_it_names() {
        let start = |namespace, next| start(&request(namespace, next)).unwrap();
        assert_eq!(start(None, None), None);
        assert_eq!(start(Some("a"), None).unwrap(), "a\0");
        for (text, key) in [("a/b.c", "a\0b.c\0a"), ("a/b.c/DaemonSet", "a\0b.c\0c")] {
            assert_eq!(start(None, Some(text)).unwrap(), key);
            assert_eq!(cursor(key), text);
        }
        // A cursor of another namespace does not lead out of the requested namespace.
        assert_eq!(start(Some("b"), Some("a/x")).unwrap(), "b\0");
    }

    #[test]
    fn what_is_no_cursor_is_refused_by_name() {
        for next in ["", "a", "/", "a/", "A/b", "a/b/c", "a/b/Pod", "a\0b"] {
            let fault = start(&request(None, Some(next))).unwrap_err();
            assert!(fault.message.starts_with("continue"), "{fault}");
        }
    }

    #[test]
    fn keys_sort_by_namespace_then_name_then_kind() {
        let key = |namespace: &str, kind, name: &str| {
            key(&WorkloadRef {
                namespace: namespace.parse().unwrap(),
                kind,
                name: name.parse().unwrap(),
            })
        };
        use WorkloadKind::{DaemonSet, Deployment};
        // As text, "a-b/x" would come before "a/x".
        assert!(key("a", Deployment, "x") < key("a-b", Deployment, "x"));
        assert!(key("a", Deployment, "x.y") < key("a", Deployment, "xx"));
        assert!(key("a", DaemonSet, "x") < key("a", Deployment, "x.y"));
        assert!(key("a", Deployment, "x") < key("a", DaemonSet, "x"));
        assert_eq!(split(&key("a", DaemonSet, "x.y")), ("a", "x.y", DaemonSet));
    }
}
