//! The conditions of a cluster, and protocol violations of its agents.

use super::*;

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
        for now in [start, later(start, HEARTBEAT_EVERY)] {
            registry.observe(cluster(), heartbeat("i1", "u1", now.wall + off), now);
        }
        assert_eq!(registry.presence(&cluster(), start), Some(Presence::Online));
        assert_eq!(kinds(&registry, start), [ConditionType::ClockSkew]);
    }
}

/// A replica that was stopped for half a minute reads what has arrived meanwhile all at once.
#[test]
fn heartbeats_that_waited_here_blame_no_clock() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let waited = 30;
    let resumed = later(start, Duration::from_secs(waited));
    for sent in (0..=waited).step_by(5) {
        let sent = later(start, Duration::from_secs(sent));
        registry.observe(cluster(), heartbeat("i1", "u1", sent.wall), resumed);
        assert_eq!(kinds(&registry, resumed), []);
    }
    let next = later(resumed, HEARTBEAT_EVERY);
    registry.observe(cluster(), heartbeat("i1", "u1", next.wall), next);
    assert_eq!(kinds(&registry, next), []);
}

#[test]
fn a_slow_link_is_not_a_wrong_clock() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    let late = SignedDuration::from_secs(-5);
    let slow = Heartbeat {
        round_trip_milliseconds: Some(4000),
        ..heartbeat("i1", "u1", start.wall + late)
    };
    registry.observe(cluster(), slow, start);
    assert_eq!(kinds(&registry, start), []);
    for now in [start, later(start, HEARTBEAT_EVERY)] {
        let wrong = heartbeat("i1", "u1", now.wall + late);
        registry.observe(cluster(), wrong, now);
    }
    assert_eq!(kinds(&registry, start), [ConditionType::ClockSkew]);
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
fn the_verbs_that_an_older_agent_lacks_are_known() {
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
fn a_protocol_violation_is_logged_once_and_shown_for_a_minute() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    let at = |seconds| later(start, Duration::from_secs(seconds));
    assert!(registry.protocol_violation(&cluster(), "shouts", start));
    assert!(!registry.protocol_violation(&cluster(), "shouts", at(1)));
    assert!(registry.protocol_violation(&cluster(), "lies", at(2)));
    registry.observe(cluster(), heartbeat("i1", "u1", at(50).wall), at(50));
    let view = registry.view(&cluster(), at(50)).expect("it is known");
    assert!(
        view.conditions[0].message.contains("lies (3 times)"),
        "{view:?}"
    );
    registry.observe(cluster(), heartbeat("i1", "u1", at(62).wall), at(62));
    assert_eq!(kinds(&registry, at(62)), []);
    assert!(registry.protocol_violation(&cluster(), "shouts", at(63)));
}

#[test]
fn made_up_cluster_names_are_not_remembered() {
    let (mut registry, now) = (Registry::default(), Moment::now());
    for number in 0..1000 {
        let name = format!("stranger-{number}").parse().expect("a name");
        assert_eq!(
            registry.protocol_violation(&name, "shouts", now),
            number == 0
        );
    }
    assert_eq!(registry.names().count(), 0);
}
