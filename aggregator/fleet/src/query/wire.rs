//! Fleet queries on the wire. Agents accept requests of a bounded size: if many clusters are selected or granted by labels, the request
//! lists them by name and may have to be split into several messages.

use std::collections::BTreeMap;

use bus_schema::{ClusterName, FleetQueryRequest, Pattern, Scope};

use crate::json;
use diagnostics::{Problem, ProblemCode};

/// The maximum size of a request that agents accept.
const QUESTION_BYTES: usize = 64 * 1024;

/// The number of clusters named in one of several messages: a third of its size if all have the longest names.
const NAMES: usize = 300;

/// The request to these clusters: one message if it fits, or several, of which each cluster answers one.
pub fn payloads(
    request: &FleetQueryRequest,
    clusters: impl Iterator<Item = ClusterName>,
) -> Result<Vec<Vec<u8>>, Problem> {
    let whole = json(request);
    if whole.len() <= QUESTION_BYTES {
        return Ok(vec![whole]);
    }
    // Grouped by visible namespaces, so that a message does not repeat them for each cluster.
    let mut alike = BTreeMap::<Vec<&str>, (Vec<Pattern>, Vec<ClusterName>)>::new();
    let clusters: Vec<ClusterName> = clusters.collect();
    for cluster in &clusters {
        let shown: Vec<Pattern> = request.shown(cluster).cloned().collect();
        let key = request.shown(cluster).map(Pattern::as_str).collect();
        let (_, names) = alike.entry(key).or_insert_with(|| (shown, Vec::new()));
        names.push(cluster.clone());
    }
    let mut payloads = Vec::new();
    for (shown, names) in alike.into_values() {
        for names in names.chunks(NAMES) {
            let part = json(&FleetQueryRequest {
                clusters: names.iter().map(Pattern::from).collect(),
                scopes: vec![Scope {
                    clusters: vec![Pattern::all()],
                    namespaces: shown.clone(),
                }],
                ..request.clone()
            });
            if part.len() > QUESTION_BYTES {
                let detail = "the filters and your grants together make the request too long";
                return Err(Problem::new(ProblemCode::InvalidRequest, detail));
            }
            payloads.push(part);
        }
    }
    Ok(payloads)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bus_schema::{AnswerId, Sort, WorkloadFilter};

    use super::*;

    fn request(clusters: &[ClusterName]) -> FleetQueryRequest {
        let id = |text: &str| text.parse().unwrap();
        let scope = |clusters: &[ClusterName], namespace: &str| Scope {
            clusters: clusters.iter().map(Pattern::from).collect(),
            namespaces: vec![namespace.parse().unwrap()],
        };
        FleetQueryRequest {
            answer: AnswerId {
                requester: id("a"),
                question: id("q"),
            },
            scopes: vec![scope(clusters, "pay"), scope(&clusters[..5], "shop")],
            clusters: clusters.iter().map(Pattern::from).collect(),
            filter: WorkloadFilter::default(),
            sort: Sort::default(),
            limit: 1,
            bytes: 1,
            after: None,
            count_images: false,
            count_names: false,
        }
    }

    fn names(count: usize) -> Vec<ClusterName> {
        let name = |n| format!("a-cluster-with-a-long-name-{n}").parse().unwrap();
        (0..count).map(name).collect()
    }

    #[test]
    fn a_request_that_fits_is_one_message() {
        let clusters = names(10);
        let request = request(&clusters);
        let payloads = payloads(&request, clusters.into_iter()).unwrap();
        assert_eq!(payloads, [json(&request)]);
    }

    #[test]
    fn a_long_request_reaches_each_cluster_once_with_its_visible_namespaces() {
        let clusters = names(2000);
        let whole = request(&clusters);
        let payloads = payloads(&whole, clusters.iter().cloned()).unwrap();
        assert!(payloads.len() > 1);
        let mut requested = Vec::new();
        for payload in payloads {
            assert!(payload.len() <= QUESTION_BYTES);
            let part: FleetQueryRequest = serde_json::from_slice(&payload).unwrap();
            for cluster in clusters.iter().filter(|cluster| part.selects(cluster)) {
                let shown = |request: &FleetQueryRequest| -> BTreeSet<String> {
                    request
                        .shown(cluster)
                        .map(|p| p.as_str().to_owned())
                        .collect()
                };
                assert_eq!(shown(&part), shown(&whole), "{cluster}");
                requested.push(cluster.clone());
            }
        }
        requested.sort();
        let mut expected = clusters;
        expected.sort();
        assert_eq!(requested, expected);
    }

    #[test]
    fn filters_that_fit_into_no_message_are_refused() {
        let clusters = names(1);
        let mut request = request(&names(10));
        request.filter.q = Some("x".repeat(QUESTION_BYTES));
        let problem = payloads(&request, clusters.into_iter()).unwrap_err();
        assert_eq!(problem.code, ProblemCode::InvalidRequest);
    }
}
