//! All rows, as Markdown and JSON.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use crate::row::Row;

/// As a table in Markdown.
pub struct Table<'a>(pub &'a [Row]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| Row | Value | Peer | Ratio | Target | Met |")?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        self.0.iter().try_for_each(|row| line(row, f))
    }
}

fn line(row: &Row, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let value = format!("{} {}", number(row.value), row.unit);
    let peer = match (row.peer, row.peer_value) {
        (Some(peer), Some(value)) => format!("{peer}: {} {}", number(value), row.unit),
        _ => "-".to_owned(),
    };
    let ratio = row
        .ratio
        .map_or("-".to_owned(), |ratio| format!("{} ×", number(ratio)));
    let target = row.target.as_deref().unwrap_or("-");
    let met = match row.met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "-",
    };
    let name = &row.name;
    writeln!(
        f,
        "| {name} | {value} | {peer} | {ratio} | {target} | {met} |"
    )
}

/// Three significant digits, or all digits before the point.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        less if less < 1.0 => 3,
        less if less < 10.0 => 2,
        less if less < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// `{"rows": […]}`
pub fn write_json(file: &Path, rows: &[Row]) -> Result<()> {
    let text = serde_json::to_string_pretty(&json!({ "rows": rows }))?;
    fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Target;

    #[test]
    fn a_row_has_its_line() {
        let met = Row::new("a", 0.1234, "ms")
            .against("b", 12.34, 0.01)
            .target(&[Target::TimesAtMost(1.5)]);
        let table = Table(&[met, Row::new("c", 1234.5, "1/s")]).to_string();
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| a | 0.123 ms | b: 12.3 ms | 0.010 × | ≤ 1.5 × | yes |",
                "| c | 1234 1/s | - | - | - | - |"
            ]
        );
    }
}
