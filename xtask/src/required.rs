//! Tests that need a peer which is not on every machine: skipped there, with a line that says so, unless
//! `MCA_REQUIRE_ALL` is set, as `cargo xtask test --require-all` does.

use std::env;
use std::io::Write;

/// Marks the lines that `cargo xtask test` collects for its summary.
pub const SKIPPED: &str = "SKIPPED:";

/// Passes a found peer on. A missing one is a panic where everything is required, and else a line on standard error.
pub fn or_skip<T>(peer: Option<T>, name: &str) -> Option<T> {
    if peer.is_none() {
        assert!(
            env::var_os("MCA_REQUIRE_ALL").is_none(),
            "{name} is required and was not found"
        );
        // Past the capture of the test harness, which would swallow the line of a test that passes.
        let line = format!("{SKIPPED} {name} was not found\n");
        std::io::stderr().write_all(line.as_bytes()).ok();
    }
    peer
}
