//! The cursor of a fleet query: the sort key after which the next page begins, valid for the same query only. It contains nothing that
//! its holder has not seen, and so needs no signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::FleetQuery;
use crate::json;
use diagnostics::{Problem, ProblemCode};

/// Longer than any cursor.
const LONGEST: usize = 2048;

#[derive(Serialize, Deserialize)]
struct Cursor<P> {
    query: String,
    after: P,
}

/// The `continue` of a page of this query that ends at this sort key.
pub fn write<P: Serialize>(query: &FleetQuery, after: P) -> String {
    let cursor = Cursor {
        query: fingerprint(query),
        after,
    };
    URL_SAFE_NO_PAD.encode(json(&cursor))
}

/// Where the page begins.
pub fn read<P: DeserializeOwned>(query: &FleetQuery) -> Result<Option<P>, Problem> {
    let Some(text) = &query.next else {
        return Ok(None);
    };
    let wrong = |why: &str| {
        let detail = format!("continue: {why}; pass the `continue` of the previous page unchanged");
        Problem::new(ProblemCode::InvalidRequest, detail).field("continue")
    };
    if text.len() > LONGEST {
        return Err(wrong("it is too long"));
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|error| wrong(&error.to_string()))?;
    let cursor: Cursor<P> =
        serde_json::from_slice(&bytes).map_err(|_| wrong("it does not belong to this list"))?;
    if cursor.query != fingerprint(query) {
        return Err(wrong(
            "it belongs to another query: clusters, filters or order differ",
        ));
    }
    Ok(Some(cursor.after))
}

/// A hash of everything that must be the same on all pages.
fn fingerprint(query: &FleetQuery) -> String {
    let fixed = json(&(
        &query.clusters,
        &query.cluster_labels,
        &query.filter,
        query.sort,
    ));
    let digest = Sha256::digest(fixed);
    URL_SAFE_NO_PAD.encode(&digest[..12])
}

#[cfg(test)]
mod tests {
    use bus_schema::{SortKey, WorkloadKind};

    use super::*;

    fn query(q: &str, next: Option<String>) -> FleetQuery {
        let mut query = FleetQuery::default();
        query.filter.q = Some(q.to_owned());
        query.next = next;
        query
    }

    fn sort_key() -> SortKey {
        SortKey {
            rank: -5,
            name: "my.cart".parse().unwrap(),
            cluster: "cluster-a".parse().unwrap(),
            namespace: "shop".parse().unwrap(),
            kind: WorkloadKind::StatefulSet,
        }
    }

    #[test]
    fn a_cursor_is_valid_for_its_own_query_only() {
        let cursor = write(&query("a", None), sort_key());
        assert_eq!(
            read(&query("a", Some(cursor.clone()))).unwrap(),
            Some(sort_key())
        );
        // The page size may differ.
        let more = FleetQuery {
            limit: 7,
            ..query("a", Some(cursor.clone()))
        };
        let labelled = FleetQuery {
            cluster_labels: "env=prod".parse().ok(),
            ..query("a", Some(cursor.clone()))
        };
        assert!(read::<SortKey>(&labelled).is_err());
        assert_eq!(read(&more).unwrap(), Some(sort_key()));
        let problem = read::<SortKey>(&query("b", Some(cursor))).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("continue"));
        assert_eq!(problem.code, ProblemCode::InvalidRequest);
    }

    #[test]
    fn an_invalid_cursor_is_refused() {
        let cursor = write(&query("a", None), sort_key());
        let foreign = URL_SAFE_NO_PAD.encode(r#"{"query":"x","after":{"rank":"y"}}"#);
        for text in ["", "!", "YQ", &cursor[1..], &"A".repeat(9000), &foreign] {
            let problem = read::<SortKey>(&query("a", Some(text.to_owned()))).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some("continue"), "{text}");
        }
    }
}
