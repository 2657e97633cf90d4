//! Registry events, and the choice of the agent whose changes are followed.

use bus_schema::{Condition, Counts};

use super::*;

/// One cluster over time.
struct Watched {
    registry: Registry,
    start: Moment,
}

impl Watched {
    fn new() -> Self {
        Self {
            registry: Registry::default(),
            start: Moment::now(),
        }
    }

    fn at(&self, seconds: f64) -> Moment {
        later(self.start, Duration::from_secs_f64(seconds))
    }

    /// A heartbeat of an instance that has read its cluster and published this many changes.
    fn beats(&mut self, seconds: f64, instance: &str, changes: u64) -> Vec<String> {
        self.beats_so(seconds, instance, changes, |_| {})
    }

    fn beats_so(
        &mut self,
        seconds: f64,
        instance: &str,
        changes: u64,
        so: impl FnOnce(&mut Heartbeat),
    ) -> Vec<String> {
        let now = self.at(seconds);
        let mut heartbeat = Heartbeat {
            changes: Some(changes),
            counts: Some(Counts::default()),
            ..heartbeat(instance, "u1", now.wall)
        };
        so(&mut heartbeat);
        self.registry.observe(cluster(), heartbeat, now);
        self.events(seconds)
    }

    /// The events published by then, in short form.
    fn events(&mut self, seconds: f64) -> Vec<String> {
        let mut events = Vec::new();
        self.registry
            .publish_changes(&cluster(), self.at(seconds), |new| events.push(short(&new)));
        events
    }

    fn receives(&mut self, instance: &str, after: u64, last: u64) -> Verdict {
        let instance = InstanceId::try_from(instance.to_owned()).expect("an id");
        let range = ChangeRange {
            instance: &instance,
            after,
            last,
        };
        self.registry.record_changes(&cluster(), range)
    }
}

fn short(events: &RegistryEvent) -> String {
    match events {
        RegistryEvent::Changed { whole, part, .. } => {
            let (seen, view) = match (whole, part) {
                (Some(view), Some(_)) => ("", view),
                (Some(view), None) => ("whole ", view),
                (None, Some(view)) => ("part ", view),
                (None, None) => panic!("nothing has changed"),
            };
            format!("{seen}{:?} {}", view.presence, view.agents)
        }
        RegistryEvent::Missed(_, missed) => format!("missed {missed:?}"),
    }
}

const FIRST: [&str; 2] = ["Online 1", "missed None"];

#[test]
fn a_cluster_is_published_again_when_more_than_its_age_has_changed() {
    let mut it = Watched::new();
    assert_eq!(it.beats(0.0, "i1", 0), FIRST);
    for beat in 1..4 {
        let none: [&str; 0] = [];
        assert_eq!(it.beats(f64::from(beat) * 5.0, "i1", 0), none);
        assert_eq!(it.events(f64::from(beat) * 5.0 + 4.0), none);
    }
    assert_eq!(it.events(22.6), ["Stale 1"]);
    assert_eq!(it.events(30.1), ["Offline 0"]);
    assert_eq!(it.events(40.0).len(), 0);
    assert_eq!(it.beats(50.0, "i1", 0), ["Online 1"]);
    let counts = |heartbeat: &mut Heartbeat| {
        let deployments = 3;
        heartbeat.counts = Some(Counts {
            deployments,
            ..Counts::default()
        });
    };
    // They may belong to namespaces that a caller with a partial view may not see.
    assert_eq!(it.beats_so(52.0, "i1", 0, counts), ["whole Online 1"]);
    let upgraded = |heartbeat: &mut Heartbeat| {
        counts(heartbeat);
        "0.2.0".clone_into(&mut heartbeat.agent_version);
    };
    assert_eq!(it.beats_so(54.0, "i1", 0, upgraded), ["Online 1"]);
    it.registry
        .protocol_violation(&cluster(), "shouts", it.at(54.0));
    assert_eq!(it.events(54.0), ["Online 1"]);
    // Only the count differs.
    it.registry
        .protocol_violation(&cluster(), "shouts", it.at(55.0));
    assert_eq!(it.events(56.0).len(), 0);
}

#[test]
fn a_cluster_that_changes_all_the_time_is_published_a_few_times_a_second_with_its_last_state() {
    let mut it = Watched::new();
    let mut shown = 0;
    for beat in 0..1000 {
        let version = |heartbeat: &mut Heartbeat| heartbeat.agent_version = beat.to_string();
        shown += it
            .beats_so(f64::from(beat) / 1000.0, "i1", 0, version)
            .len();
    }
    // And the gap at the start of its changes.
    assert_eq!(shown, 4 + 1);
    assert_eq!(it.events(1.1), ["Online 1"]);
    let view = it.registry.view(&cluster(), it.at(1.1)).unwrap();
    assert_eq!(view.agent_version, "999");
}

#[test]
fn changes_are_published_once_and_lost_ones_are_detected() {
    let mut it = Watched::new();
    assert_eq!(
        it.receives("i1", 0, 1),
        Verdict::Ignore,
        "the cluster is unknown"
    );
    it.beats(0.0, "i1", 4);
    assert_eq!(it.receives("i1", 2, 4), Verdict::Ignore, "before it began");
    assert_eq!(it.receives("i1", 4, 6), Verdict::Publish { missed: 0 });
    assert_eq!(it.receives("i1", 4, 6), Verdict::Ignore);
    assert_eq!(it.receives("i1", 9, 10), Verdict::Publish { missed: 3 });
    assert_eq!(it.receives("i1", 8, 12), Verdict::Miscounted);
    assert_eq!(it.receives("i2", 10, 11), Verdict::Ignore);
}

#[test]
fn a_lost_last_change_is_detected_by_the_next_heartbeats() {
    let mut it = Watched::new();
    it.beats(0.0, "i1", 0);
    // The heartbeat has arrived before the changes.
    assert_eq!(it.beats(1.0, "i1", 3).len(), 0);
    assert_eq!(it.receives("i1", 0, 3), Verdict::Publish { missed: 0 });
    assert_eq!(
        it.events(9.0).len(),
        1,
        "it is stale by now, and nothing was missed"
    );
    assert_eq!(it.beats(10.0, "i1", 8), ["Online 1"]);
    assert_eq!(it.receives("i1", 3, 5), Verdict::Publish { missed: 0 });
    assert_eq!(it.events(11.9).len(), 0);
    assert_eq!(it.events(12.0), ["missed Some(3)"]);
    assert_eq!(it.receives("i1", 5, 8), Verdict::Ignore, "too late");
    assert_eq!(it.receives("i1", 8, 9), Verdict::Publish { missed: 0 });
}

#[test]
fn of_two_agents_one_is_followed_until_it_is_lost() {
    let mut it = Watched::new();
    assert_eq!(it.beats(0.0, "i1", 5), FIRST);
    assert_eq!(it.beats(0.1, "i2", 0), ["Online 2"]);
    assert_eq!(it.receives("i1", 5, 6), Verdict::Publish { missed: 0 });
    assert_eq!(it.receives("i2", 0, 1), Verdict::Ignore);
    let leaves = |heartbeat: &mut Heartbeat| heartbeat.state = AgentState::Leaving;
    assert_eq!(
        it.beats_so(1.0, "i1", 6, leaves),
        ["Online 1", "missed None"]
    );
    assert_eq!(it.receives("i1", 6, 7), Verdict::Ignore);
    // It continues from the number in the heartbeat of that time.
    assert_eq!(it.receives("i2", 0, 2), Verdict::Publish { missed: 0 });
    // Without another agent, it stays followed: after an interruption it continues as if nothing had happened.
    assert_eq!(it.events(30.0), ["Offline 0"]);
    assert_eq!(it.beats(31.0, "i2", 2), ["Online 1"]);
    assert_eq!(it.receives("i2", 2, 3), Verdict::Publish { missed: 0 });
}

#[test]
fn an_agent_that_has_lost_its_cluster_is_followed_only_without_another_one() {
    let mut it = Watched::new();
    let blind = |heartbeat: &mut Heartbeat| {
        heartbeat.conditions = vec![Condition {
            kind: ConditionType::CacheStale,
            message: "old".to_owned(),
            since: heartbeat.sent_at,
        }];
    };
    assert_eq!(it.beats_so(0.0, "i1", 0, blind), FIRST);
    assert_eq!(it.beats(1.0, "i2", 0), ["Online 2", "missed None"]);
    assert_eq!(it.receives("i2", 0, 1), Verdict::Publish { missed: 0 });
    assert_eq!(it.beats_so(2.0, "i2", 1, blind).len(), 0);
    assert_eq!(it.receives("i2", 1, 2), Verdict::Publish { missed: 0 });
}

#[test]
fn rivals_and_agents_that_have_not_read_their_cluster_are_not_followed() {
    let mut it = Watched::new();
    let unread = |heartbeat: &mut Heartbeat| heartbeat.counts = None;
    assert_eq!(it.beats_so(0.0, "i1", 0, unread), ["Online 1"]);
    let rival = |heartbeat: &mut Heartbeat| heartbeat.cluster_uid = Some("u2".to_owned());
    assert_eq!(it.beats_so(0.1, "i0", 0, rival), ["Online 1"]);
    assert_eq!(it.receives("i0", 0, 1), Verdict::Ignore);
    assert_eq!(it.receives("i1", 0, 1), Verdict::Ignore);
    // Its counts are new to a caller who sees all of it.
    let first = ["whole Online 1", "missed None"];
    assert_eq!(it.beats(0.2, "i1", 1), first);
    let older = |heartbeat: &mut Heartbeat| heartbeat.changes = None;
    let mut other = Watched::new();
    assert_eq!(other.beats_so(0.0, "i1", 0, older), ["Online 1"]);
}

#[test]
fn changes_of_a_forgotten_cluster_are_ignored() {
    let mut it = Watched::new();
    it.beats(0.0, "i1", 0);
    assert!(it.registry.forget(&cluster(), it.at(1.0)));
    assert!(!it.registry.forget(&cluster(), it.at(1.0)));
    assert_eq!(it.beats(1.1, "i1", 1).len(), 0);
    assert_eq!(it.receives("i1", 0, 1), Verdict::Ignore);
    assert!(!it.registry.may_publish(&cluster(), 1, it.at(1.1)));
}

#[test]
fn changes_beyond_the_limit_are_ignored_for_a_while() {
    let mut it = Watched::new();
    it.beats(0.0, "i1", 0);
    let now = it.at(0.0);
    assert!(it.registry.may_publish(&cluster(), CHANGES_LIMIT.most, now));
    assert!(!it.registry.may_publish(&cluster(), 1, it.at(4.0)));
    assert!(it.registry.may_publish(&cluster(), 1, it.at(5.0)));
}

#[test]
fn what_changes_where_a_reader_may_not_look_does_not_delay_the_rest() {
    let mut it = Watched::new();
    it.beats(0.0, "i1", 0);
    let counting = |deployments: u64| {
        move |heartbeat: &mut Heartbeat| {
            heartbeat.counts = Some(Counts {
                deployments,
                ..Counts::default()
            });
        }
    };
    for beat in 1..100_u32 {
        let seconds = f64::from(beat) / 1000.0;
        let events = it.beats_so(seconds, "i1", 0, counting(beat.into()));
        assert!(
            events.iter().all(|new| new == "whole Online 1"),
            "{events:?}"
        );
    }
    // A caller who sees all of it has received four views in this second, and receives this one later.
    let upgraded = |heartbeat: &mut Heartbeat| {
        counting(99)(heartbeat);
        "0.2.0".clone_into(&mut heartbeat.agent_version);
    };
    assert_eq!(it.beats_so(0.2, "i1", 0, upgraded), ["part Online 1"]);
    assert_eq!(it.events(1.1), ["whole Online 1"]);
}
