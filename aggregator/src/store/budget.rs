//! How much of the disk each stream and bucket may take. The nats-server reserves it when it makes them, so that none can starve
//! another: together they fit into `max_file_store` of `nats/nats-server.conf`.

const MIB: i64 = 1024 * 1024;

/// For a stream that is not in the list.
const OTHERS: i64 = 16 * MIB;

/// By stream. 10,000 clusters with 100 deployments each fill a third of theirs. `credentials` keeps five versions of a list that is as
/// large as a message may be: 64 MiB are enough for the 8 MB of `max_payload` that NATS advises against exceeding.
const BUDGETS: [(&str, i64); 9] = [
    ("AUDIT", 1024 * MIB),
    ("AUDIT_REFUSED", 64 * MIB),
    ("KV_clusters", 128 * MIB),
    ("KV_credentials", 64 * MIB),
    ("KV_inventory", 512 * MIB),
    ("KV_invitations", 16 * MIB),
    ("KV_labels", 16 * MIB),
    ("KV_operations", 64 * MIB),
    ("KV_sessions", 64 * MIB),
];

/// All of them.
pub(super) fn streams() -> impl Iterator<Item = &'static str> {
    BUDGETS.into_iter().map(|(name, _)| name)
}

/// The most bytes that the stream may take.
pub(crate) fn max_bytes(stream: &str) -> i64 {
    let found = BUDGETS.iter().find(|(name, _)| *name == stream);
    found.map_or(OTHERS, |(_, bytes)| *bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_has_a_budget_of_its_own() {
        for bucket in bus_keys::BUCKETS {
            let stream = format!("KV_{bucket}");
            assert!(BUDGETS.iter().any(|(name, _)| *name == stream), "{bucket}");
        }
    }
}
