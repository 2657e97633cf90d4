use super::*;
use crate::enrolment::Coming;

mod watched;

fn heartbeat(instance: &str, uid: &str, sent_at: Timestamp) -> Heartbeat {
    Heartbeat {
        instance: instance
            .to_owned()
            .try_into()
            .expect("a well-formed instance"),
        state: AgentState::Up,
        sequence: 1,
        sent_at,
        started_at: sent_at,
        agent_version: "0.1.0".to_owned(),
        verbs: vec![],
        cluster_uid: Some(uid.to_owned()),
        kubernetes_version: None,
        counts: None,
        conditions: vec![],
        every_seconds: None,
        round_trip_milliseconds: None,
        changes: None,
    }
}

fn cluster() -> ClusterName {
    "cluster-a".parse().expect("a well-formed name")
}

fn later(moment: Moment, by: Duration) -> Moment {
    Moment {
        instant: moment.instant + by,
        wall: moment.wall + by,
    }
}

fn kinds(registry: &Registry, now: Moment) -> Vec<ConditionType> {
    let view = registry
        .view(&cluster(), now)
        .expect("the cluster is known");
    view.conditions
        .iter()
        .map(|condition| condition.kind)
        .collect()
}

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
fn a_cluster_whose_last_agent_leaves_is_offline_at_once() {
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
        "leaving is kept"
    );
    assert_eq!(
        registry.presence(&cluster(), start),
        Some(Presence::Offline)
    );
}

#[test]
fn a_kept_cluster_is_known_and_never_online_before_it_is_heard() {
    let (mut first, start) = (Registry::default(), Moment::now());
    let record = first
        .observe(cluster(), heartbeat("i1", "u1", start.wall), start)
        .expect("a new cluster is kept");
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

#[test]
fn a_second_cluster_of_the_same_name_is_a_conflict_and_changes_nothing_else() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    registry.observe(cluster(), heartbeat("i2", "u2", start.wall), start);
    assert!(registry.is_contested(&cluster(), start));
    assert_eq!(registry.uid(&cluster()), Some("u1"));
    assert_eq!(kinds(&registry, start), [ConditionType::IdentityConflict]);
    let gone = later(start, lost_after(HEARTBEAT_EVERY));
    assert!(
        !registry.is_contested(&cluster(), gone),
        "a rival that is gone is no conflict"
    );
}

#[test]
fn a_wrong_clock_is_shown_and_does_not_touch_presence() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let hour = SignedDuration::from_hours(1);
    for off in [hour, -hour] {
        registry.observe(cluster(), heartbeat("i1", "u1", start.wall + off), start);
        assert_eq!(registry.presence(&cluster(), start), Some(Presence::Online));
        assert_eq!(kinds(&registry, start), [ConditionType::ClockSkew]);
    }
}

#[test]
fn a_slow_line_is_no_wrong_clock() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let late = SignedDuration::from_secs(-5);
    let slow = Heartbeat {
        round_trip_milliseconds: Some(4000),
        ..heartbeat("i1", "u1", start.wall + late)
    };
    registry.observe(cluster(), slow, start);
    assert_eq!(kinds(&registry, start), []);
    let wrong = heartbeat("i1", "u1", start.wall + late);
    registry.observe(cluster(), wrong, start);
    assert_eq!(kinds(&registry, start), [ConditionType::ClockSkew]);
}

#[test]
fn an_unchanged_cluster_is_kept_once_a_minute() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    assert!(
        registry
            .observe(cluster(), heartbeat("i1", "u1", start.wall), start)
            .is_some()
    );
    let kept = (1..=24)
        .map(|beat| later(start, Duration::from_secs(5) * beat))
        .filter(|now| {
            registry
                .observe(cluster(), heartbeat("i1", "u1", now.wall), *now)
                .is_some()
        })
        .count();
    assert_eq!(kept, 2);
}

#[test]
fn a_flood_of_instances_takes_no_more_memory_and_is_shown() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    for instance in 0..1_000 {
        registry.observe(
            cluster(),
            heartbeat(&format!("i{instance}"), "u1", start.wall),
            start,
        );
    }
    assert_eq!(registry.view(&cluster(), start).unwrap().agents, INSTANCES);
    assert_eq!(kinds(&registry, start), [ConditionType::Misbehaving]);
}

#[test]
fn two_agents_of_different_versions_do_not_make_each_other_news() {
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
fn what_an_older_agent_does_not_answer_is_known() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let older = Heartbeat {
        verbs: vec!["info".to_owned()],
        ..heartbeat("i1", "u1", start.wall)
    };
    registry.observe(cluster(), older, start);
    assert!(registry.answers(&cluster(), "info"));
    assert!(!registry.answers(&cluster(), "restart"));
}

#[test]
fn what_an_agent_does_wrong_is_told_once_and_shown_for_a_minute() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    let at = |seconds| later(start, Duration::from_secs(seconds));
    assert!(registry.misbehaves(&cluster(), "shouts", start));
    assert!(!registry.misbehaves(&cluster(), "shouts", at(1)));
    assert!(registry.misbehaves(&cluster(), "lies", at(2)));
    registry.observe(cluster(), heartbeat("i1", "u1", at(50).wall), at(50));
    let view = registry.view(&cluster(), at(50)).expect("it is known");
    assert!(
        view.conditions[0].message.contains("lies (3 times)"),
        "{view:?}"
    );
    registry.observe(cluster(), heartbeat("i1", "u1", at(62).wall), at(62));
    assert_eq!(kinds(&registry, at(62)), []);
    assert!(registry.misbehaves(&cluster(), "shouts", at(63)));
}

#[test]
fn names_that_are_only_misused_are_not_remembered() {
    let (mut registry, now) = (Registry::default(), Moment::now());
    for number in 0..1000 {
        let name = format!("stranger-{number}").parse().expect("a name");
        assert_eq!(registry.misbehaves(&name, "shouts", now), number == 0);
    }
    assert_eq!(registry.names().count(), 0);
}

#[test]
fn a_cluster_that_changes_all_the_time_is_kept_now_and_then_and_its_last_word_is_not_lost() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let mut kept = Vec::new();
    for step in 0..30_u32 {
        let now = later(start, Duration::from_millis(100) * step);
        let mut said = heartbeat("i1", "u1", now.wall);
        said.agent_version = format!("0.{}.0", step.min(24));
        kept.extend(registry.observe(cluster(), said, now));
    }
    let versions: Vec<_> = kept
        .iter()
        .map(|record| record.heartbeat.agent_version.as_str())
        .collect();
    let each_second = [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23];
    assert_eq!(versions, each_second.map(|step| format!("0.{step}.0")));
    let now = later(start, Duration::from_millis(3100));
    let mut last = heartbeat("i1", "u1", now.wall);
    last.agent_version = "0.24.0".to_owned();
    let kept = registry.observe(cluster(), last, now).expect("it is kept");
    assert_eq!(kept.heartbeat.agent_version, "0.24.0");
}

fn coming(server: &str, connection: u64) -> Coming {
    Coming {
        cluster: cluster(),
        instance: "i1".to_owned().try_into().expect("an instance"),
        connection: (server.to_owned(), connection),
    }
}

/// A nats-server that is killed tells nothing of the connections that end with it.
#[test]
fn an_agent_that_has_moved_to_another_nats_server_is_gone_when_it_goes_from_there() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    registry.connected(&coming("n1", 7));
    registry.connected(&coming("n2", 7));
    assert!(registry.disconnected(&coming("n2", 7)));
    let presence = registry.presence(&cluster(), start);
    assert_eq!(presence, Some(Presence::Offline));
}

#[test]
fn the_late_end_of_an_old_connection_does_not_take_the_agent_away() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    registry.connected(&coming("n1", 7));
    registry.connected(&coming("n1", 8));
    assert!(!registry.disconnected(&coming("n1", 7)));
    let presence = registry.presence(&cluster(), start);
    assert_eq!(presence, Some(Presence::Online));
    assert!(registry.disconnected(&coming("n1", 8)));
}

#[test]
fn silence_is_measured_by_the_pace_that_the_agent_has_said() {
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
fn an_agent_cannot_make_itself_seem_alive_for_longer_than_the_slowest_pace_allows() {
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
fn the_pace_keeps_all_heartbeats_together_under_a_bound() {
    let (mut registry, now) = (Registry::default(), Moment::now());
    let mut known = 0;
    let mut pace_of = |clusters: u32| {
        for number in known..clusters {
            let name = format!("c{number}").parse().expect("a name");
            registry.observe(name, heartbeat("i1", "u1", now.wall), now);
        }
        known = clusters;
        registry.pace().as_secs()
    };
    assert_eq!([1, 1_000, 2_000].map(&mut pace_of), [5, 5, 5]);
    assert_eq!([4_000, 10_000, 30_000].map(&mut pace_of), [10, 25, 60]);
}

/// The aggregator itself is cut off for a minute; one cluster was gone before, one comes back late, one does not.
#[test]
fn whoever_cannot_be_heard_is_stale_and_not_offline() {
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
    assert!(registry.hears());
    registry.deaf_since(at(22).instant);
    registry.deaf_since(at(50).instant);
    assert!(!registry.hears());
    assert_eq!(presence(&registry, 60), [Offline, Stale, Stale]);
    registry.hears_again(at(80));
    assert_eq!(presence(&registry, 109), [Offline, Stale, Stale]);
    beat(&mut registry, &late, 109);
    assert_eq!(presence(&registry, 109), [Offline, Online, Stale]);
    // Two seconds before the break, and thirteen after the time to come back.
    assert_eq!(presence(&registry, 122), [Offline, Stale, Stale]);
    assert_eq!(presence(&registry, 124), [Offline, Stale, Offline]);
    assert_eq!(presence(&registry, 125), [Offline, Offline, Offline]);
}

#[test]
fn what_a_cluster_says_is_kept_while_it_is_certain_whose_it_is() {
    use crate::inventory::Changes;
    let (mut registry, start) = (Registry::default(), Moment::now());
    let told = |instance: &str, uid: &str, changes| Heartbeat {
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
    registry.observe(cluster(), told("i1", "u1", Some(3)), start);
    registry.observe(cluster(), told("i2", "u1", Some(0)), start);
    let source = registry.source(&cluster(), start).unwrap();
    let id = |text: &str| -> InstanceId { text.to_owned().try_into().unwrap() };
    let changes = Changes::from([(id("i1"), 3), (id("i2"), 0)]);
    assert_eq!(
        (source.cluster_uid.as_str(), &source.changes),
        ("u1", &Some(changes.clone()))
    );
    let until = |registry: &Registry| registry.unchanged_until(&cluster(), &changes);
    assert_eq!(until(&registry), Some(start.wall));

    // It has changed since; then one of two does not tell; then it does not see them itself.
    registry.observe(cluster(), told("i2", "u1", Some(1)), start);
    assert_eq!(until(&registry), None);
    registry.observe(cluster(), told("i2", "u1", None), start);
    assert_eq!(registry.source(&cluster(), start).unwrap().changes, None);
    assert_eq!(until(&registry), None);
    let mut blind = told("i1", "u1", Some(3));
    blind.conditions.push(bus_schema::Condition {
        kind: ConditionType::CacheStale,
        message: String::new(),
        since: start.wall,
    });
    registry.observe(cluster(), blind, start);
    assert_eq!(until(&registry), None);

    registry.observe(cluster(), told("i3", "rival", Some(3)), start);
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
