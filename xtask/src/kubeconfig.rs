//! The kubeconfig that the simulator writes.

/// The clusters in the plain YAML that the simulator writes, and their addresses.
pub fn servers(kubeconfig: &str) -> impl Iterator<Item = (&str, &str)> {
    let clusters = kubeconfig.split("- name: ").skip(1);
    clusters.filter_map(|cluster| {
        let (name, rest) = cluster.split_once('\n')?;
        let (_, server) = rest.split_once("server: http://")?;
        Some((name, server.lines().next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulators_clusters_are_found_with_their_addresses() {
        let text = "clusters:\n- name: a\n  cluster:\n    server: http://127.0.0.1:1\n- name: b\n  cluster:\n    \
            server: http://127.0.0.1:2\ncontexts:\n- name: a\n  context:\n    cluster: a\n";
        let found: Vec<_> = servers(text).collect();
        assert_eq!(found, [("a", "127.0.0.1:1"), ("b", "127.0.0.1:2")]);
    }
}
