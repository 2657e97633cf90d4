//! The last log lines of a test bed's programs.

use std::fs;
use std::path::Path;

const LINES: usize = 10;

/// The last lines of each non-empty log of a directory, under the program's name.
pub fn tails(dir: &Path) -> String {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut logs: Vec<_> = entries.map(|entry| entry.path()).collect();
    logs.sort();
    let tail = |log: &std::path::PathBuf| {
        let text = fs::read(log).ok()?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LINES)..].join("\n  ");
        let name = log.file_stem()?.to_string_lossy();
        (!last.is_empty()).then(|| format!("\n{name} said last:\n  {last}"))
    };
    logs.iter().filter_map(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_each_log_stands_under_its_programs_name() {
        let dir = tempfile::tempdir().unwrap();
        let long: String = (0..50).map(|number| format!("line {number}\n")).collect();
        fs::write(dir.path().join("aggregator.log"), long).unwrap();
        fs::write(dir.path().join("nats.log"), "").unwrap();
        let tails = tails(dir.path());
        assert!(tails.starts_with("\naggregator said last:\n  line 40\n"));
        assert!(tails.ends_with("  line 49"), "{tails}");
        assert!(!tails.contains("nats"));
    }
}
