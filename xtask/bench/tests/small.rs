//! Every part runs, with small sizes: the figures mean nothing, the test is that each part produces them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use xtask::programs::{Profile, Programs};

const BENCH: &str = env!("CARGO_BIN_EXE_bench");

/// Whether it succeeded, and its standard error.
fn bench(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(BENCH).args(arguments).output();
    let output = output.expect("the bench runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

#[tokio::test]
async fn a_row_is_measured_from_end_to_end_and_written_down() {
    // They are in the same directory as the bench: cargo has built the package's binaries.
    let programs = Programs::build(Profile::Debug).await.expect("they build");
    assert_eq!(programs.agent.parent(), Path::new(BENCH).parent());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("rows.json");
    let json = file.to_str().unwrap();
    let size = ["--clusters", "5", "--deployments", "4", "--rounds", "1"];
    let rest = ["--seconds", "1", "--connections", "5", "--json", json];
    let parts = ["list", "restart", "presence", "fleet", "away", "watch"];
    let arguments = [&parts[..], &size[..], &rest[..]].concat();
    let (ran, said) = bench(&arguments);
    assert!(ran, "{said}");
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let rows = written["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 16, "{written:#}");
    for row in rows {
        assert!(row["value"].as_f64().unwrap() > 0.0, "{row}");
        assert_eq!(row["peer"].is_null(), row["ratio"].is_null(), "{row}");
        assert_eq!(row["target"].is_null(), row["met"].is_null(), "{row}");
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let (ran, said) = bench(&["lists"]);
    assert!(!ran);
    for known in ["lists", "list", "callers", "agent-memory", "storm"] {
        assert!(said.contains(known), "{said}");
    }
}

#[test]
fn sizes_of_nothing_are_refused_by_name() {
    let (ran, said) = bench(&["list", "--rounds", "0"]);
    assert!(!ran);
    assert!(
        said.contains("--rounds") && said.contains("at least 1"),
        "{said}"
    );
}
