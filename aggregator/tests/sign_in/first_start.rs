//! A20: a start without users, with the real program.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::service::{PATIENCE, Site};

#[tokio::test]
async fn a20_the_one_password_is_printed_once_and_stands_nowhere_else() {
    let site = Site::start().await;
    std::fs::remove_file(&site.users).unwrap();
    let first = printed(&site).await;
    let words: Vec<&str> = first.split_whitespace().collect();
    let at = words
        .iter()
        .position(|word| *word == "password")
        .expect("a password");
    let password = words[at + 1];

    let service = site.service().await;
    let answer = service.login("admin", password).await;
    assert!(answer.status.is_success(), "{answer:?}");
    for user in ["admin", "root", "ana"] {
        for default in ["admin", "password", "changeme", ""] {
            let answer = service
                .send_from(rand::random(), crate::service::login(user, default))
                .await;
            assert_eq!(answer.code(), "unauthenticated");
        }
    }
    assert!(
        !std::fs::read_to_string(&site.users)
            .unwrap()
            .contains(password)
    );
    assert_eq!(first.matches(password).count(), 1);
    let second = printed(&site).await;
    assert!(!second.contains("password"), "{second}");
}

/// The program's output until it serves, from both streams.
async fn printed(site: &Site) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_aggregator"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--nats-url",
            &site.nats.url(),
            "--users",
        ])
        .arg(&site.users)
        .arg("--bus-keys")
        .arg(site.nats.keys().aggregator_dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let mut error = BufReader::new(program.stderr.take().expect("piped")).lines();
    let mut out = BufReader::new(program.stdout.take().expect("piped")).lines();
    let serving = async {
        let mut text = String::new();
        while !text.contains("serving") {
            let line = tokio::select! {
                line = error.next_line() => line,
                line = out.next_line() => line,
            };
            let line = line.expect("readable");
            text += &line.unwrap_or_else(|| panic!("it ended: {text}"));
            text.push('\n');
        }
        text
    };
    let text = tokio::time::timeout(PATIENCE, serving).await;
    program.kill().await.expect("it is killed");
    text.expect("it serves in time")
}
