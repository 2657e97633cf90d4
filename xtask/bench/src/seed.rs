//! The baseline: a minimal version of the design that this system replaces, a FastAPI program that calls an HTTP agent, which lists
//! from the API server. Python and its packages are optional: without them the baseline's figures are missing.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use xtask::condition;
use xtask::process::Process;
use xtask::workspace;

use crate::caller::{Ask, Http};
use crate::test_bed::{Api, TestBed, free_address};

const REQUIREMENTS: &str = include_str!("../seed/requirements.txt");

const READY_WITHIN: Duration = Duration::from_secs(60);

/// Stops when it is dropped.
pub struct Seed {
    pub address: SocketAddr,
    _aggregator: Process,
    _agent: Process,
}

impl Seed {
    /// `None`, with a line that says why, if Python or its packages are not available.
    pub async fn start(test_bed: &TestBed, api: &Api) -> Result<Option<Self>> {
        let python = match python().await {
            Ok(python) => python,
            Err(error) => {
                eprintln!("without the FastAPI peer: {error:#}");
                return Ok(None);
            }
        };
        let agent = free_address()?;
        let kubernetes = ("KUBERNETES_URL", format!("http://{}", api.address));
        let mut agent_program = program(&python, "agent", agent, kubernetes);
        agent_program.env("CLUSTER", &api.cluster);
        let mut agent_process = Process::spawn(
            "seed agent",
            agent_program,
            &test_bed.file("logs/seed-agent.log"),
        )?;
        let address = free_address()?;
        let agents = ("AGENTS", format!("{}=http://{agent}", api.cluster));
        let aggregator = program(&python, "aggregator", address, agents);
        let mut aggregator = Process::spawn("seed", aggregator, &test_bed.file("logs/seed.log"))?;
        condition::met("the FastAPI peer", READY_WITHIN, async || {
            agent_process.ensure_running()?;
            aggregator.ensure_running()?;
            let ready = async {
                let mut http = Http::connect(address, None).await?;
                http.call(&Ask::get("/readyz")).await
            };
            Ok(ready.await.ok().map(drop))
        })
        .await?;
        Ok(Some(Self {
            address,
            _aggregator: aggregator,
            _agent: agent_process,
        }))
    }
}

fn program(python: &Path, module: &str, listen: SocketAddr, variable: (&str, String)) -> Command {
    let mut command = Command::new(python);
    command
        .current_dir(sources())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env(variable.0, variable.1)
        .args(["-m", "uvicorn", "--no-access-log", "--log-level", "warning"])
        .args(["--host", &listen.ip().to_string()])
        .args(["--port", &listen.port().to_string()])
        .arg(format!("{module}:app"));
    command
}

fn sources() -> PathBuf {
    workspace::root().join("xtask/bench/seed")
}

/// A Python environment with the packages, created once for each list of them.
async fn python() -> Result<PathBuf> {
    let key = workspace::key(&[REQUIREMENTS.as_bytes()]);
    let dir = workspace::cache()?.join(format!("bench-python-{key}"));
    let python = dir.join("bin/python");
    let done = dir.join("installed");
    if done.is_file() {
        return Ok(python);
    }
    let python3 = workspace::on_path("python3").context("there is no python3")?;
    eprintln!("installing the packages of the FastAPI peer (once)");
    run(Command::new(python3)
        .args(["-m", "venv", "--clear"])
        .arg(&dir))
    .await?;
    let list = sources().join("requirements.txt");
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    run(Command::new(&python).args(install).arg("-r").arg(list)).await?;
    fs::write(done, "")?;
    Ok(python)
}

async fn run(command: &mut Command) -> Result<()> {
    let output = command.kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim().lines().last().unwrap_or_default();
    ensure!(output.status.success(), "{}: {last}", output.status);
    Ok(())
}
