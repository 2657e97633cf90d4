//! Slow readers of a log.

use std::net::SocketAddr;
use std::path::Path;

use async_nats::Subscriber;
use axum::http::StatusCode;
use futures::StreamExt as _;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use tokio::process::Command;
use xtask::condition;
use xtask::process::Process;

use crate::impostor::Impostor;
use crate::service::{PASSWORD, PATIENCE};
use crate::slow_reader::SlowReader;
use crate::stack::Stack;

const READERS: u64 = 12;

/// The aggregator's initial credit, in lines of maximum length.
const LINES: usize = 1_000;
const LINES_OF_A_CHUNK: usize = 4;
const LINE: usize = 16 * 1024;

/// An aggregator in a separate process, so that its memory can be measured.
struct Program {
    process: Process,
    address: SocketAddr,
    token: String,
}

impl Program {
    async fn start(stack: &Stack) -> Self {
        let (dir, log) = (stack.dir.path(), stack.dir.path().join("aggregator.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_aggregator"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--nats-url"])
            .arg(stack.nats.url())
            .arg("--bus-keys")
            .arg(dir.join("nats/keys/aggregator"))
            .arg("--users")
            .arg(dir.join("users.json"));
        let process = Process::spawn("aggregator", command, &log).expect("the program");
        let look = async || Ok(address_in(&log));
        let address = condition::met("it listens", PATIENCE, look).await;
        let mut program = Self {
            process,
            address: address.expect("it says where"),
            token: String::new(),
        };
        program.token = program.sign_in().await;
        program
    }

    async fn sign_in(&self) -> String {
        let signed_in = async || {
            let login = reqwest::Client::new().post(format!("http://{}/login", self.address));
            let login = login.json(&json!({"username": "admin", "password": PASSWORD}));
            let answer: Value = login.send().await?.json().await?;
            Ok(answer["access_token"].as_str().map(str::to_owned))
        };
        let token = condition::met("a sign-in", PATIENCE, signed_in).await;
        token.expect("a token")
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let call = reqwest::Client::new().get(format!("http://{}{path}", self.address));
        let call = call.header(AUTHORIZATION, format!("Bearer {}", self.token));
        let answer = call.send().await.expect("an answer");
        (answer.status(), answer.json().await.expect("JSON"))
    }

    /// Its peak memory, in kilobytes.
    fn peak(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.pid());
        let status = std::fs::read_to_string(status).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.expect("its memory").parse().expect("a number")
    }
}

fn address_in(log: &Path) -> Option<SocketAddr> {
    let log = std::fs::read_to_string(log).ok()?;
    let line = log.lines().find(|line| line.contains("listening"))?;
    let port = line.split("127.0.0.1:").nth(1)?;
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}

/// The agent of a cluster whose containers write only lines of maximum length.
struct Writer {
    agent: Impostor,
    logs: Subscriber,
    lists: Subscriber,
}

impl Writer {
    async fn start(stack: &Stack) -> Self {
        let agent = Impostor::heard(stack, "writer", &[]).await;
        Self {
            logs: agent.hears("log").await,
            lists: agent.hears("workloads").await,
            agent,
        }
    }

    /// Accepts the next follower, and uses up the initial credit.
    async fn writes(&mut self, stream: u64) {
        let mut credits = self.agent.hears(&format!("credit.s{stream}")).await;
        let reply = json!({"stream": format!("agent.writer.stream.s{stream}"), 
            "credit": format!("cluster.writer.credit.s{stream}")});
        self.agent.replies(&mut self.logs, reply.to_string()).await;
        let credit = credits.next().await.expect("somebody follows");
        let credit: Value = serde_json::from_slice(&credit.payload).expect("credit");
        assert_eq!(credit["lines"], LINES);
        let line = json!({"pod": "web-1", "container": "web", "text": "x".repeat(LINE)});
        let lines = vec![line; LINES_OF_A_CHUNK];
        let chunk = json!({"sequence": 0, "lines": lines}).to_string();
        for sequence in 1..=LINES / LINES_OF_A_CHUNK {
            let counted = format!(r#""sequence":{sequence}"#);
            let chunk = chunk.replacen(r#""sequence":0"#, &counted, 1);
            self.agent.say(&format!("stream.s{stream}"), chunk).await;
        }
    }

    /// Waits until the aggregator has received everything: a later message has arrived.
    async fn is_heard_by(&mut self, program: &Program) {
        let call = program.get("/deployments/writer/default");
        let answer = self.agent.replies(&mut self.lists, r#"{"items":[]}"#);
        let (got, ()) = tokio::join!(call, answer);
        assert_eq!(got.0, StatusCode::OK, "{}", got.1);
    }
}

/// Twelve times sixteen megabytes are in flight to readers who take a byte a second.
#[tokio::test(flavor = "multi_thread")]
async fn what_slow_readers_leave_takes_little_memory_and_each_line_of_it_is_counted() {
    let stack = Stack::start(0).await;
    let mut writer = Writer::start(&stack).await;
    let program = Program::start(&stack).await;
    let known = async || {
        let list = program.get("/clusters").await.1;
        Ok((list["items"][0]["presence"] == "online").then_some(()))
    };
    let known = condition::met("the cluster is online", PATIENCE, known);
    known.await.unwrap();
    let before = program.peak();
    let mut readers = Vec::new();
    for stream in 1..=READERS {
        let path = "/workloads/writer/default/Deployment/web/log/watch";
        let opened = SlowReader::open(program.address, path, &program.token);
        let (reader, ()) = tokio::join!(opened, writer.writes(stream));
        readers.push(reader);
        writer.is_heard_by(&program).await;
    }
    let grown = program.peak() - before;
    println!("{READERS} slow readers: {grown} kB");
    assert!(grown < 96_000, "{grown} kB");
    for reader in readers {
        let (mut reader, mut lines, mut dropped) = (reader.hurries().await, 0, 0);
        while lines + dropped < LINES as u64 {
            let seen = reader.next().await;
            assert_eq!(seen.name, "lines", "{:?}", seen.data);
            lines += seen.data["lines"].as_array().unwrap().len() as u64;
            dropped += seen.data["dropped"].as_u64().unwrap();
        }
        assert_eq!(lines + dropped, LINES as u64);
        assert!(dropped > lines, "{dropped}");
    }
}
