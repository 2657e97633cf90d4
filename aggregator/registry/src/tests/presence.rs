//! The presence of clusters.

use super::*;

#[test]
fn a_silent_cluster_becomes_stale_and_then_offline() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    assert_eq!(registry.presence(&cluster(), start), None);
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    let at = |seconds: f64| {
        registry.presence(&cluster(), later(start, Duration::from_secs_f64(seconds)))
    };
    assert_eq!(at(0.0), Some(Presence::Online));
    assert_eq!(at(7.4), Some(Presence::Online));
    assert_eq!(at(7.6), Some(Presence::Stale));
    assert_eq!(at(15.1), Some(Presence::Offline));
}

#[test]
fn a_cluster_whose_last_agent_shuts_down_is_offline_at_once() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    for instance in ["i1", "i2"] {
        registry.observe(cluster(), heartbeat(instance, "u1", start.wall), start);
    }
    let leaving = |instance| Heartbeat {
        state: AgentState::Leaving,
        ..heartbeat(instance, "u1", start.wall)
    };
    registry.observe(cluster(), leaving("i1"), start);
    assert_eq!(registry.presence(&cluster(), start), Some(Presence::Online));
    assert!(
        registry.observe(cluster(), leaving("i2"), start).is_some(),
        "shutting down is persisted"
    );
    assert_eq!(
        registry.presence(&cluster(), start),
        Some(Presence::Offline)
    );
}

#[test]
fn a_restored_cluster_is_known_but_not_online_before_its_first_heartbeat() {
    let (mut first, start) = (Registry::default(), Moment::now());
    let record = first
        .observe(cluster(), heartbeat("i1", "u1", start.wall), start)
        .expect("a new cluster is persisted");
    let mut second = Registry::default();
    second.restore(cluster(), record, start);
    assert_eq!(second.presence(&cluster(), start), Some(Presence::Stale));
    let much_later = later(start, lost_after(HEARTBEAT_EVERY));
    assert_eq!(
        second.presence(&cluster(), much_later),
        Some(Presence::Offline)
    );
    assert_eq!(
        second.view(&cluster(), much_later).unwrap().age_seconds,
        lost_after(HEARTBEAT_EVERY).as_secs()
    );
}

fn coming(server: &str, connection: u64) -> ConnectionEvent {
    ConnectionEvent {
        cluster: cluster(),
        instance: "i1".to_owned().try_into().expect("an instance"),
        connection: (server.to_owned(), connection),
    }
}

/// A nats-server that is killed does not report the connections that end with it.
#[test]
fn an_agent_that_has_moved_to_another_nats_server_is_gone_when_it_disconnects_there() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    registry.connected(&coming("n1", 7));
    registry.connected(&coming("n2", 7));
    assert!(registry.disconnected(&coming("n2", 7), start));
    let presence = registry.presence(&cluster(), start);
    assert_eq!(presence, Some(Presence::Offline));
}

#[test]
fn the_late_end_of_an_old_connection_does_not_remove_the_agent() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    registry.connected(&coming("n1", 7));
    registry.connected(&coming("n1", 8));
    assert!(!registry.disconnected(&coming("n1", 7), start));
    let presence = registry.presence(&cluster(), start);
    assert_eq!(presence, Some(Presence::Online));
    assert!(registry.disconnected(&coming("n1", 8), start));
}

/// A nats-server that was frozen reports the ends of connections late: their agents have given up on them, and connect anew.
#[test]
fn ends_of_connections_after_a_partition_do_not_remove_agents() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    registry.connected(&coming("n1", 7));
    let at = |seconds| later(start, Duration::from_secs(seconds));
    registry.partitioned_since(start.instant);
    assert!(!registry.disconnected(&coming("n1", 7), at(20)));
    registry.reconnected(at(20));
    registry.connected(&coming("n1", 8));
    assert!(!registry.disconnected(&coming("n1", 8), at(21)));
    let presence = registry.presence(&cluster(), at(21));
    assert_eq!(presence, Some(Presence::Stale));
    // One that is killed later is gone at once, as always.
    registry.observe(cluster(), heartbeat("i1", "u1", at(51).wall), at(51));
    registry.connected(&coming("n1", 9));
    assert!(registry.disconnected(&coming("n1", 9), at(51)));
    let presence = registry.presence(&cluster(), at(51));
    assert_eq!(presence, Some(Presence::Offline));
}

#[test]
fn while_this_process_is_suspended_no_cluster_is_lost() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    let at = |seconds| later(start, Duration::from_secs(seconds));
    registry.tick(at(0));
    registry.tick(at(1));
    // Suspended for half a minute; a call is answered before the heartbeats are read.
    let presence = |registry: &Registry, seconds| registry.presence(&cluster(), at(seconds));
    assert_eq!(presence(&registry, 31), Some(Presence::Stale));
    registry.tick(at(31));
    assert_eq!(presence(&registry, 31), Some(Presence::Stale));
    registry.observe(cluster(), heartbeat("i1", "u1", at(30).wall), at(31));
    assert_eq!(presence(&registry, 31), Some(Presence::Online));
    // Then silence counts again.
    for second in 32..=90 {
        registry.tick(at(second));
    }
    assert_eq!(presence(&registry, 90), Some(Presence::Offline));
}

#[test]
fn presence_depends_on_the_heartbeat_interval_that_the_agent_announced() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let slow = Heartbeat {
        every_seconds: Some(20),
        ..heartbeat("i1", "u1", start.wall)
    };
    registry.observe(cluster(), slow, start);
    let at = |seconds| registry.presence(&cluster(), later(start, Duration::from_secs(seconds)));
    assert_eq!(at(29), Some(Presence::Online));
    assert_eq!(at(31), Some(Presence::Stale));
    assert_eq!(at(59), Some(Presence::Stale));
    assert_eq!(at(61), Some(Presence::Offline));
}

#[test]
fn an_agent_cannot_seem_alive_for_longer_than_the_longest_interval_allows() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let boast = Heartbeat {
        every_seconds: Some(u64::MAX),
        ..heartbeat("i1", "u1", start.wall)
    };
    registry.observe(cluster(), boast, start);
    let lost = later(start, lost_after(SLOWEST_HEARTBEAT));
    assert_eq!(registry.presence(&cluster(), lost), Some(Presence::Offline));
}

#[test]
fn the_heartbeat_interval_bounds_the_rate_of_all_heartbeats() {
    let (mut registry, now) = (Registry::default(), Moment::now());
    let mut known = 0;
    let mut pace_of = |clusters: u32| {
        for number in known..clusters {
            let name = format!("c{number}").parse().expect("a name");
            registry.observe(name, heartbeat("i1", "u1", now.wall), now);
        }
        known = clusters;
        registry.heartbeat_interval().as_secs()
    };
    assert_eq!([1, 1_000, 2_000].map(&mut pace_of), [5, 5, 5]);
    assert_eq!([4_000, 10_000, 30_000].map(&mut pace_of), [10, 25, 60]);
}

/// The aggregator itself is partitioned for a minute; one cluster was gone before, one comes back late, one does not.
#[test]
fn clusters_are_stale_and_not_offline_while_the_aggregator_is_partitioned() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let at = |seconds| later(start, Duration::from_secs(seconds));
    let [gone, late, lost] = ["gone", "late", "lost"].map(|name| name.parse().expect("a name"));
    let beat = |registry: &mut Registry, name: &ClusterName, seconds| {
        registry.observe(
            name.clone(),
            heartbeat("i1", "u1", at(seconds).wall),
            at(seconds),
        );
    };
    beat(&mut registry, &gone, 0);
    beat(&mut registry, &late, 20);
    beat(&mut registry, &lost, 20);
    let presence = |registry: &Registry, seconds| {
        [&gone, &late, &lost].map(|name| registry.presence(name, at(seconds)).expect("known"))
    };
    use Presence::{Offline, Online, Stale};
    assert!(registry.is_connected());
    registry.partitioned_since(at(22).instant);
    registry.partitioned_since(at(50).instant);
    assert!(!registry.is_connected());
    assert_eq!(presence(&registry, 60), [Offline, Stale, Stale]);
    registry.reconnected(at(80));
    assert_eq!(presence(&registry, 109), [Offline, Stale, Stale]);
    beat(&mut registry, &late, 109);
    assert_eq!(presence(&registry, 109), [Offline, Online, Stale]);
    // Two seconds before the partition, and thirteen after the time to reconnect.
    assert_eq!(presence(&registry, 122), [Offline, Stale, Stale]);
    assert_eq!(presence(&registry, 124), [Offline, Stale, Offline]);
    assert_eq!(presence(&registry, 125), [Offline, Offline, Offline]);
}
