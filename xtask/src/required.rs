//! Tests that need a peer that is not on every machine: skipped there with a message, unless `MCA_REQUIRE_ALL` is set, as `cargo xtask
//! test --require-all` does.

use std::env;
use std::fs::File;
use std::io::{self, Write};

/// The variable with the file that also gets the messages about skipped tests, for the summary of `cargo xtask test`.
pub const SKIPPED: &str = "MCA_SKIPPED";

/// Returns a peer that was found. A missing peer is a panic if everything is required, otherwise a message on standard error.
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
    // Written around the output capture of the test harness, which would hide the message of a test that passes.
    io::stderr().write_all(format!("SKIPPED {line}").as_bytes())?;
    match env::var_os(SKIPPED) {
        Some(file) => {
            let mut file = File::options().create(true).append(true).open(file)?;
            file.write_all(line.as_bytes())
        }
        None => Ok(()),
    }
}
