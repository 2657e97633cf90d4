//! Memory as the operating system reports it.

use std::fs;

use anyhow::{Context, Result};

const KILOBYTES_A_MEGABYTE: f64 = 1_000.0 / 1.024;

/// The resident memory of a process in MB (1,000,000 bytes): its own pages, and those of its program file.
pub fn resident(pid: u32) -> Result<f64> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let kilobytes = field(&text, "Rss:").with_context(|| format!("{file} has no Rss"))?;
    Ok(kilobytes / KILOBYTES_A_MEGABYTE)
}

fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_counts_in_kilobytes_of_1024() {
        let text = "55d0 ---p 0 [rollup]\nRss:                2048 kB\nPss:  1 kB\n";
        assert_eq!(field(text, "Rss:"), Some(2048.0));
        assert_eq!(field(text, "Pss_Dirty:"), None);
        assert_eq!(
            (2048.0 / KILOBYTES_A_MEGABYTE * 1e6_f64).round(),
            2_097_152.0
        );
    }

    #[test]
    fn this_process_takes_some() {
        assert!(resident(std::process::id()).unwrap() > 1.0);
    }
}
