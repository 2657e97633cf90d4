//! When a cluster's record is persisted, and its contents.

use super::*;

#[test]
fn an_unchanged_cluster_is_persisted_once_a_minute() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    assert!(
        registry
            .observe(cluster(), heartbeat("i1", "u1", start.wall), start)
            .is_some()
    );
    let persisted = (1..=24)
        .map(|beat| later(start, Duration::from_secs(5) * beat))
        .filter(|now| {
            registry
                .observe(cluster(), heartbeat("i1", "u1", now.wall), *now)
                .is_some()
        })
        .count();
    assert_eq!(persisted, 2);
}

#[test]
fn two_agents_of_different_versions_do_not_count_as_changes() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let older = Heartbeat {
        agent_version: "0.0.9".to_owned(),
        ..heartbeat("i2", "u1", start.wall)
    };
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    registry.observe(cluster(), older.clone(), start);
    assert!(
        registry
            .observe(cluster(), heartbeat("i1", "u1", start.wall), start)
            .is_none()
    );
    assert!(registry.observe(cluster(), older, start).is_none());
}

#[test]
fn a_cluster_that_changes_all_the_time_is_persisted_occasionally_with_its_last_state() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let mut persisted = Vec::new();
    for step in 0..30_u32 {
        let now = later(start, Duration::from_millis(100) * step);
        let mut said = heartbeat("i1", "u1", now.wall);
        said.agent_version = format!("0.{}.0", step.min(24));
        persisted.extend(registry.observe(cluster(), said, now));
    }
    let versions: Vec<_> = persisted
        .iter()
        .map(|record| record.heartbeat.agent_version.as_str())
        .collect();
    let each_second = [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23];
    assert_eq!(versions, each_second.map(|step| format!("0.{step}.0")));
    let now = later(start, Duration::from_millis(3100));
    let mut last = heartbeat("i1", "u1", now.wall);
    last.agent_version = "0.24.0".to_owned();
    let persisted = registry
        .observe(cluster(), last, now)
        .expect("it is persisted");
    assert_eq!(persisted.heartbeat.agent_version, "0.24.0");
}

#[test]
fn a_list_is_persisted_only_while_its_cluster_is_certain() {
    use crate::LastChanges;
    let (mut registry, start) = (Registry::default(), Moment::now());
    let with_changes = |instance: &str, uid: &str, changes| Heartbeat {
        counts: Some(bus_schema::Counts::default()),
        changes,
        ..heartbeat(instance, uid, start.wall)
    };
    assert!(registry.source(&cluster(), start).is_none());
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    assert!(
        registry.source(&cluster(), start).is_none(),
        "its cache is not filled"
    );
    registry.observe(cluster(), with_changes("i1", "u1", Some(3)), start);
    registry.observe(cluster(), with_changes("i2", "u1", Some(0)), start);
    let source = registry.source(&cluster(), start).unwrap();
    let id = |text: &str| -> InstanceId { text.to_owned().try_into().unwrap() };
    let changes = LastChanges::from([(id("i1"), 3), (id("i2"), 0)]);
    assert_eq!(
        (source.cluster_uid.as_str(), &source.changes),
        ("u1", &Some(changes.clone()))
    );
    let until = |registry: &Registry| registry.unchanged_until(&cluster(), &changes);
    assert_eq!(until(&registry), Some(start.wall));

    // It has changed since; then one of two agents publishes no changes; then the agent does not see its deployments itself.
    registry.observe(cluster(), with_changes("i2", "u1", Some(1)), start);
    assert_eq!(until(&registry), None);
    registry.observe(cluster(), with_changes("i2", "u1", None), start);
    assert_eq!(registry.source(&cluster(), start).unwrap().changes, None);
    assert_eq!(until(&registry), None);
    let mut blind = with_changes("i1", "u1", Some(3));
    blind.conditions.push(bus_schema::Condition {
        kind: ConditionType::CacheStale,
        message: String::new(),
        since: start.wall,
    });
    registry.observe(cluster(), blind, start);
    assert_eq!(until(&registry), None);

    registry.observe(cluster(), with_changes("i3", "rival", Some(3)), start);
    assert!(
        registry.source(&cluster(), start).is_none(),
        "it is contested"
    );
    let silent = later(start, Duration::from_secs(10));
    assert!(
        registry.source(&cluster(), silent).is_none(),
        "it is overdue"
    );
}
