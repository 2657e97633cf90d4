//! The contents of the lines: a start-up, then requests of a small web service with occasional warnings.

use std::fmt::Write as _;

use crate::identity::{choose, digest};

const PATHS: [&str; 8] = [
    "/api/orders",
    "/api/orders/{id}",
    "/api/customers/{id}",
    "/api/invoices",
    "/api/search?q=shoes",
    "/api/cart/items",
    "/healthz",
    "/metrics",
];
const METHODS: [&str; 4] = ["GET", "GET", "POST", "PUT"];
const WARNINGS: [&str; 4] = [
    "slow query on table orders",
    "connection pool is almost exhausted, 19 of 20 in use",
    "retrying call to payments after timeout",
    "cache miss rate above threshold",
];
const ERRORS: [&str; 3] = [
    "upstream closed the connection before a response",
    "deadline exceeded while waiting for inventory",
    "could not decode message, sent to the dead letter queue",
];

/// Writes the line with this number, without a line break.
pub fn write(seed: u64, image: &str, line: u64, into: &mut String) {
    let dice = digest(&(seed, line));
    // Writing to a String cannot fail.
    let _ = match line {
        0 => write!(into, "INFO starting image={image}"),
        1 => write!(
            into,
            "INFO configuration loaded from environment variables=14"
        ),
        2 => write!(into, "INFO listening address=0.0.0.0:8080 workers=4"),
        _ => match dice % 100 {
            0..=4 => write!(into, "WARN {} seq={line}", pick(&WARNINGS, dice)),
            5..=6 => write!(into, "ERROR {} seq={line}", pick(&ERRORS, dice)),
            _ => request(dice, line, into),
        },
    };
}

fn request(dice: u64, line: u64, into: &mut String) -> std::fmt::Result {
    let path = pick(&PATHS, dice).replace("{id}", &(dice % 9000 + 1000).to_string());
    let status = [200, 200, 200, 201, 204, 304, 404][choose(&(dice, "status"), 7)];
    let millis = 1 + choose(&(dice, "millis"), 180);
    write!(
        into,
        "INFO request method={} path={path} status={status} duration_ms={millis} seq={line}",
        pick(&METHODS, dice),
    )
}

fn pick<'a>(from: &[&'a str], dice: u64) -> &'a str {
    from[choose(&(dice, from.len()), from.len())]
}
