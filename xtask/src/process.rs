//! A child process that never outlives its handle, with its output in a file for the error messages.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const TAIL_LINES: usize = 20;

/// Whether a Ctrl-C in the terminal reaches the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// It does, as for any child: right for tests, where it leaves no process behind.
    Shared,
    /// It does not: the parent decides in which order processes end.
    Own,
}

impl Group {
    pub fn apply(self, command: &mut Command) {
        if self == Self::Own {
            command.process_group(0);
        }
    }
}

pub struct Process {
    name: String,
    child: Child,
    pid: u32,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, with standard output and error at the end of `log`.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let pid = child
            .id()
            .ok_or_else(|| anyhow!("{name} ended at its start"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            pid,
            log: log.to_owned(),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The exit status, if it has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Fails with the tail of its output if it has ended; for loops that wait until it is ready.
    pub fn ensure_running(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(self.obituary(status)),
        }
    }

    pub async fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Sends a signal, unless the process has ended: its id may belong to another process by now.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.pid)
            .ok()
            .and_then(Pid::from_raw)
            .context("process id out of range")?;
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// SIGTERM, then SIGKILL if it is still running after `patience`.
    pub async fn stop(&mut self, patience: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        // A suspended process would not receive it.
        self.signal(Signal::CONT)?;
        match timeout(patience, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => self.kill().await,
        }
    }

    pub async fn kill(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::KILL)?;
        self.wait().await
    }

    /// The error for its end: name, status and the last lines of its output.
    pub fn obituary(&self, status: ExitStatus) -> anyhow::Error {
        anyhow!(
            "{} ended ({status}); the end of {}:\n{}",
            self.name,
            self.log.display(),
            self.log_tail()
        )
    }

    pub fn log_tail(&self) -> String {
        match fs::read(&self.log) {
            Ok(bytes) => last_lines(&String::from_utf8_lossy(&bytes), TAIL_LINES),
            Err(error) => format!("(its log cannot be read: {error})"),
        }
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn the_obituary_has_the_name_the_status_and_the_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut process = Process::spawn("poet", shell("echo farewell >&2; exit 3"), &log).unwrap();
        process.wait().await.unwrap();
        let error = process.ensure_running().unwrap_err().to_string();
        assert!(error.starts_with("poet ended (exit status: 3)"), "{error}");
        assert!(error.ends_with("farewell"), "{error}");
    }

    #[tokio::test]
    async fn a_process_that_ignores_sigterm_is_killed_when_patience_runs_out() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let stubborn = shell("trap '' TERM; echo ready; while :; do sleep 0.1; done");
        let mut process = Process::spawn("mule", stubborn, &log).unwrap();
        crate::condition::met("its first word", Duration::from_secs(10), async || {
            Ok((fs::read_to_string(&log)? == "ready\n").then_some(()))
        })
        .await
        .unwrap();
        let status = process.stop(Duration::from_millis(50)).await.unwrap();
        assert_eq!(status.code(), None, "{status}");
    }

    #[tokio::test]
    async fn a_suspended_process_hears_that_it_is_to_stop() {
        let dir = tempfile::tempdir().unwrap();
        let mut process =
            Process::spawn("sleeper", shell("exec sleep 60"), &dir.path().join("log")).unwrap();
        process.signal(Signal::STOP).unwrap();
        let status = process.stop(Duration::from_secs(10)).await.unwrap();
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()), "{status}");
    }

    #[tokio::test]
    async fn a_dropped_handle_takes_the_process_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let process =
            Process::spawn("sleeper", shell("sleep 60"), &dir.path().join("log")).unwrap();
        let pid = Pid::from_raw(i32::try_from(process.pid()).unwrap()).unwrap();
        drop(process);
        crate::condition::met("the end", Duration::from_secs(10), async || {
            Ok(rustix::process::test_kill_process(pid)
                .is_err()
                .then_some(()))
        })
        .await
        .unwrap();
    }

    #[test]
    fn the_tail_is_the_end_of_a_long_text_and_all_of_a_short_one() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a\n", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }
}
