use super::*;

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
    let much_later = later(start, LOST_AFTER);
    assert_eq!(
        second.presence(&cluster(), much_later),
        Some(Presence::Offline)
    );
    assert_eq!(
        second.view(&cluster(), much_later).unwrap().age_seconds,
        LOST_AFTER.as_secs()
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
    let gone = later(start, LOST_AFTER);
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
fn misbehaviour_is_counted_and_shown_for_ten_minutes_after_the_last() {
    let (mut registry, start) = (Registry::default(), Moment::now());
    registry.misbehaves(&cluster(), "nobody knows it", start);
    registry.observe(cluster(), heartbeat("i1", "u1", start.wall), start);
    assert_eq!(kinds(&registry, start), []);
    let at = |seconds| later(start, Duration::from_secs(seconds));
    registry.misbehaves(&cluster(), "it shouts", start);
    registry.misbehaves(&cluster(), "it shouts", at(300));
    let view = registry.view(&cluster(), at(899)).expect("known");
    assert_eq!(view.conditions[0].kind, ConditionType::Misbehaving);
    assert_eq!(view.conditions[0].message, "it shouts; 2 times");
    assert_eq!(view.conditions[0].since, start.wall);
    assert_eq!(kinds(&registry, at(900)), []);
}
