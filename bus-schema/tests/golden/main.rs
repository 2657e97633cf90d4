//! Compares every message with its committed JSON. A difference is a change of the protocol: review it, then update the files with
//! `UPDATE_GOLDEN=1 cargo test -p bus-schema`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::str::FromStr;

use bus_schema::verb::RolloutState;
use bus_schema::{
    AgentState, Condition, ConditionType, Counts, Fault, FaultCode, Health, StreamEnd,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

mod clusters;
mod credentials;
mod pods;
mod rollouts;
mod runs;
mod workloads;

fn name<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("the fixture is well-formed")
}

/// The message serializes as committed, round-trips, and parses to the same value with an unknown field.
fn golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(file: &str, message: &T) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(format!("{file}.json"));
    let written = serde_json::to_value(message).expect("the message has a JSON form");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let pretty = serde_json::to_string_pretty(&written).expect("a value has a text") + "\n";
        std::fs::write(&path, pretty).expect("the golden folder is writable");
    }
    let text = std::fs::read_to_string(&path).expect("a golden file for each message");
    let committed: Value = serde_json::from_str(&text).expect("golden files are JSON");
    assert_eq!(
        written, committed,
        "{file} is written otherwise than committed"
    );
    assert_eq!(
        &serde_json::from_str::<T>(&text).expect("committed JSON is read"),
        message
    );

    let mut newer = committed;
    if let Value::Object(fields) = &mut newer {
        fields.insert("from_the_future".to_owned(), Value::Bool(true));
    }
    assert_eq!(
        &serde_json::from_value::<T>(newer).expect("unknown fields are ignored"),
        message
    );
}

fn conditions() -> Vec<Condition> {
    vec![Condition {
        kind: ConditionType::CacheStale,
        message: "the watch of deployments is broken".to_owned(),
        since: name("2026-03-01T09:59:00Z"),
    }]
}

fn counts() -> Counts {
    Counts {
        namespaces: 5,
        deployments: 17,
        stateful_sets: 2,
        daemon_sets: 1,
        health: BTreeMap::from([(Health::Healthy, 19), (Health::Failed, 1)]),
    }
}

#[test]
fn faults() {
    golden(
        "fault",
        &Fault::new(FaultCode::NotFound, "deployment \"shop/cart\" not found"),
    );
    golden(
        "fault.field",
        &Fault::in_field("limit", "0 is not between 1 and 5000"),
    );
}

#[test]
fn every_verb_has_a_golden_request_and_reply() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    for verb in bus_schema::VERBS {
        for part in ["request", "reply"] {
            let file = folder.join(format!("{}.{part}.json", verb.name));
            assert!(file.exists(), "{} is missing", file.display());
        }
    }
}

#[test]
fn unknown_values_of_a_newer_version_become_the_catch_all() {
    assert_eq!(
        serde_json::from_str::<Health>("\"radiant\"").unwrap(),
        Health::Unknown
    );
    assert_eq!(
        serde_json::from_str::<AgentState>("\"dreaming\"").unwrap(),
        AgentState::Up
    );
    assert_eq!(
        serde_json::from_str::<StreamEnd>("\"tired\"").unwrap(),
        StreamEnd::Failed
    );
    assert_eq!(
        serde_json::from_str::<RolloutState>("\"sideways\"").unwrap(),
        RolloutState::Unknown
    );
    assert_eq!(
        serde_json::from_str::<ConditionType>("\"haunted\"").unwrap(),
        ConditionType::Other
    );
}
