//! `deployments`: a page of the cached deployments, filtered.

use bus_schema::page::limit;
use bus_schema::verb::ListDeployments;
use bus_schema::{DeploymentFilter, Fault, Filter, Namespace, Page, WorkloadName, WorkloadView};

use crate::agent::Cx;
use crate::cache::{Item, key, prefix, split};
use crate::page;

pub async fn list(cx: Cx, request: ListDeployments) -> Result<Page<Item>, Fault> {
    let caches = &cx.agent.caches;
    if let Some(meant) = &request.cluster_uid {
        cx.agent.is_cluster(meant)?;
    }
    let limit = limit(request.limit)?;
    let start = start(&request)?;
    let prefix = request.namespace.as_ref().map(prefix);
    let filter = Filter::new(to_filter(request))?;
    caches.ready()?;
    let mut page = caches.deployments.walk(start.as_deref(), |entries| {
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
fn start(request: &ListDeployments) -> Result<Option<String>, Fault> {
    let first = request.namespace.as_ref().map(prefix);
    let Some(cursor) = &request.next else {
        return Ok(first);
    };
    let (namespace, name) = cursor
        .split_once('/')
        .ok_or_else(|| page::not_a_cursor("it has no slash"))?;
    let wrong = |error: &dyn std::fmt::Display| page::not_a_cursor(&error.to_string());
    let namespace: Namespace = namespace.parse().map_err(|e| wrong(&e))?;
    let name: WorkloadName = name.parse().map_err(|e| wrong(&e))?;
    let after = String::from(key(namespace.as_str(), name.as_str()));
    Ok(first.into_iter().chain([after]).max())
}

/// Without the namespace, which already limits the iteration.
fn to_filter(request: ListDeployments) -> DeploymentFilter {
    DeploymentFilter {
        namespaces: Vec::new(),
        label_selector: request.label_selector,
        name: None,
        q: request.q,
        image: request.image,
        health: request.health,
    }
}

fn cursor(key: &str) -> String {
    key.replacen('\0', "/", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(namespace: Option<&str>, next: Option<&str>) -> ListDeployments {
        ListDeployments {
            namespace: namespace.map(|n| n.parse().expect("a namespace")),
            next: next.map(str::to_owned),
            ..ListDeployments::default()
        }
    }

    #[test]
    fn a_cursor_leads_behind_the_item_that_it_names() {
        let start = |namespace, next| start(&request(namespace, next)).unwrap();
        assert_eq!(start(None, None), None);
        assert_eq!(start(Some("a"), None).unwrap(), "a\0");
        assert_eq!(start(None, Some("a/b.c")).unwrap(), "a\0b.c");
        assert_eq!(cursor("a\0b.c"), "a/b.c");
        // A cursor of another namespace does not lead out of the requested namespace.
        assert_eq!(start(Some("b"), Some("a/x")).unwrap(), "b\0");
    }

    #[test]
    fn what_is_no_cursor_is_refused_by_name() {
        for next in ["", "a", "/", "a/", "A/b", "a/b/c", "a\0b"] {
            let fault = start(&request(None, Some(next))).unwrap_err();
            assert!(fault.message.starts_with("continue"), "{fault}");
        }
    }

    #[test]
    fn namespaces_sort_before_names() {
        // As text, "a-b/x" would come before "a/x".
        assert!(key("a", "x") < key("a-b", "x"));
        assert!(key("a", "x.y") < key("a", "xx"));
    }
}
