//! Tests that need a peer which is not on every machine: skipped there, with a line that says so, unless
//! `MCA_REQUIRE_ALL` is set, as `cargo xtask test --require-all` does.

use std::env;
use std::fs::File;
use std::io::{self, Write};

/// Where lines about skipped tests go too: a file that `cargo xtask test` reads for its summary.
pub const SKIPPED: &str = "MCA_SKIPPED";

/// Passes a found peer on. A missing one is a panic where everything is required, and else a line on standard error.
pub fn or_skip<T>(peer: Option<T>, name: &str) -> Option<T> {
    if peer.is_none() {
        assert!(
            env::var_os("MCA_REQUIRE_ALL").is_none(),
            "{name} is required and was not found"
        );
        report(name).expect("a skipped test can be reported");
    }
    peer
}

fn report(name: &str) -> io::Result<()> {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("{test}: {name} was not found\n");
    // Written past the capture of the test harness, which would swallow the line of a test that passes.
    io::stderr().write_all(format!("SKIPPED {line}").as_bytes())?;
    match env::var_os(SKIPPED) {
        Some(file) => {
            let mut file = File::options().create(true).append(true).open(file)?;
            file.write_all(line.as_bytes())
        }
        None => Ok(()),
    }
}
