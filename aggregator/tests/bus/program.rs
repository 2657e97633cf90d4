//! The command lines, which must leak no secret.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use axum::Router;
use axum::response::Redirect;
use axum::routing::post;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::party::{Party, server};

pub async fn aggregator(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aggregator"));
    command.args(arguments).env("MCA_LOG", "trace");
    command
        .kill_on_drop(true)
        .output()
        .await
        .expect("the program")
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], b"\n", &output.stderr[..]].concat()).into_owned()
}

/// Every private key under a directory.
fn private_keys(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(private_keys(&path));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let words = text.split_whitespace().map(str::to_owned);
        found.extend(words.filter(|word| word.len() == 58 && word.starts_with('S')));
    }
    found
}

/// The commit is that of the build, or unknown; never an older one.
#[tokio::test]
async fn the_version_names_the_commit() {
    let output = aggregator(&["--version"]).await;
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("MCA_COMMIT"));
    let line = format!("aggregator {version} (commit {commit})\n");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), line);
    assert!(!commit.is_empty());
}

#[tokio::test]
async fn bus_init_makes_a_bus_once_and_says_no_secret() {
    let dir = TempDir::new().unwrap();
    let bus = dir.path().join("bus");
    let bus = bus.to_str().unwrap();
    let made = aggregator(&["bus", "init", bus]).await;
    assert!(made.status.success(), "{}", said(&made));
    let again = aggregator(&["bus", "init", bus]).await;
    assert!(!again.status.success());
    assert!(
        said(&again).contains("already contains the keys of a bus"),
        "{}",
        said(&again)
    );
    let before = private_keys(dir.path());
    let stored = aggregator(&["bus", "init", bus, "--keep"]).await;
    assert!(stored.status.success(), "{}", said(&stored));
    assert_eq!(private_keys(dir.path()), before);
    std::fs::remove_file(dir.path().join("bus/aggregator/system.creds")).unwrap();
    let half = aggregator(&["bus", "init", bus, "--keep"]).await;
    assert!(!half.status.success());
    assert!(
        said(&half).contains("lacks aggregator/system.creds"),
        "{}",
        said(&half)
    );
    let keys = private_keys(dir.path());
    assert!(keys.len() >= 10, "the search finds keys: {}", keys.len());
    for key in keys {
        for output in [&made, &again, &stored, &half] {
            assert!(!said(output).contains(&key));
        }
    }
}

#[tokio::test]
async fn bus_init_makes_three_servers_and_refuses_what_cannot_work_before_it_writes_anything() {
    let dir = TempDir::new().unwrap();
    let bus = dir.path().join("bus");
    let init = ["bus", "init", bus.to_str().unwrap()];
    let refused: [(&[&str], &str); 5] = [
        (&["--server", "n1"], "NAME=HOST:PORT"),
        (&["--server", "n1=a:1"], "three or five"),
        (
            &[
                "--server", "n1=a:1", "--server", "n2=b:1", "--server", "n1=c:1",
            ],
            "n1 is given twice",
        ),
        (&["--websocket", "0.0.0.0:443"], "--tls-cert"),
        (&["--tls-cert", "a.crt"], "--tls-key"),
    ];
    for (arguments, part) in refused {
        let output = aggregator(&[&init[..], arguments].concat()).await;
        assert!(!output.status.success());
        assert!(said(&output).contains(part), "{part}: {}", said(&output));
        assert!(!bus.exists(), "{arguments:?}");
    }
    let three = [
        "--server",
        "n1=nats-1:6222",
        "--server",
        "n2=nats-2:6222",
        "--server",
        "n3=nats-3:6222",
    ];
    let made = aggregator(&[&init[..], &three].concat()).await;
    assert!(made.status.success(), "{}", said(&made));
    for name in ["n1", "n2", "n3"] {
        let server = bus.join("server").join(name);
        let config = std::fs::read_to_string(server.join("bus.conf")).unwrap();
        assert_eq!(config.matches("nats-route://").count(), 2, "the others");
        let key = std::fs::read_to_string(server.join("routes.key")).unwrap();
        assert!(!said(&made).contains(key.trim()));
    }
}

#[tokio::test]
async fn invalid_names_are_refused_at_the_command_line() {
    for name in ["*", ">", "a.b", "", "A", &"a".repeat(64), "ü", "a b"] {
        for arguments in [
            vec!["enroll", name],
            vec!["revoke", name],
            vec!["bus", "creds", "--verbs", "restart", "--clusters", name],
        ] {
            let output = aggregator(&arguments).await;
            assert_eq!(
                output.status.code(),
                Some(2),
                "{arguments:?}: {}",
                said(&output)
            );
        }
    }
    for name in ["aggregator", "Agent", "system", "a.b", ">"] {
        let creds = ["bus", "creds", "--verbs", "info", "--all-clusters"];
        let output = aggregator(&[&creds[..], &["--name", name]].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains("--name"), "{}", said(&output));
    }
    let verb = aggregator(&["bus", "creds", "--verbs", ">", "--clusters", "a"]).await;
    assert!(said(&verb).contains("no such verb"), "{}", said(&verb));
}

#[tokio::test]
async fn a_cluster_is_enrolled_and_revoked_from_the_command_line() {
    let (server, _dir) = server().await;
    let keys = server.keys().aggregator_dir();
    let link = [
        "--nats-url",
        &server.url(),
        "--bus-keys",
        keys.to_str().unwrap(),
    ];
    let enrolled = aggregator(
        &[
            &[
                "enroll",
                "cluster-a",
                "--agent-nats-url",
                "tls://bus.example:4222",
            ],
            &link[..],
        ]
        .concat(),
    )
    .await;
    assert!(enrolled.status.success(), "{}", said(&enrolled));
    let manifest = String::from_utf8(enrolled.stdout.clone()).unwrap();
    for part in [
        "kind: Secret",
        "kind: Deployment",
        "kind: ClusterRole",
        "agent-sa",
        "tls://bus.example:4222",
        "\"cluster-a\"",
    ] {
        assert!(manifest.contains(part), "{part}: {manifest}");
    }
    let errors = String::from_utf8_lossy(&enrolled.stderr).into_owned();
    for key in private_keys(&keys) {
        assert!(!errors.contains(&key) && !manifest.contains(&key));
    }
    let revoked = aggregator(&[&["revoke", "cluster-a"], &link[..]].concat()).await;
    assert!(revoked.status.success(), "{}", said(&revoked));
    assert!(
        said(&revoked).contains("credential revoked"),
        "{}",
        said(&revoked)
    );
}

#[tokio::test]
async fn a_cluster_gets_labels_at_the_command_line_until_it_is_revoked() {
    let (server, _dir) = server().await;
    let keys = server.keys().aggregator_dir();
    let url = server.url();
    let link = ["--nats-url", &url, "--bus-keys", keys.to_str().unwrap()];
    let admin = Party::admin(&server).await;
    let jetstream = async_nats::jetstream::new(admin.client);
    let labels = async || -> Option<serde_json::Value> {
        let bucket = jetstream.get_key_value("labels").await.ok()?;
        let record = bucket.get("cluster-a").await.expect("an answer")?;
        Some(serde_json::from_slice(&record).expect("JSON"))
    };
    for (label, field) in [
        ("env", "KEY=VALUE"),
        ("e v=x", "label key"),
        ("env=x y", "label value"),
    ] {
        let arguments = [&["enroll", "cluster-a", "--label", label], &link[..]].concat();
        let refused = aggregator(&arguments).await;
        let said = said(&refused);
        assert!(!refused.status.success(), "{said}");
        assert!(said.contains("--label") && said.contains(field), "{said}");
    }
    assert_eq!(labels().await, None);
    let enroll = [
        "enroll",
        "cluster-a",
        "--label",
        "env=prod",
        "--label",
        "region=eu",
    ];
    let enrolled = aggregator(&[&enroll, &link[..]].concat()).await;
    assert!(enrolled.status.success(), "{}", said(&enrolled));
    let expected = serde_json::json!({"env": "prod", "region": "eu"});
    assert_eq!(labels().await, Some(expected.clone()));
    // A second credential does not revoke the first.
    let again = aggregator(&[&["enroll", "cluster-a"], &link[..]].concat()).await;
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(labels().await, Some(expected));
    let revoked = aggregator(&[&["revoke", "cluster-a"], &link[..]].concat()).await;
    assert!(revoked.status.success(), "{}", said(&revoked));
    assert_eq!(labels().await, None);
}

#[tokio::test]
async fn credentials_in_a_file_are_made_once_and_let_the_cluster_in() {
    let (server, dir) = server().await;
    let keys = server.keys().aggregator_dir();
    let (keys, url, file) = (
        keys.to_str().unwrap(),
        server.url(),
        dir.path().join("a.creds"),
    );
    let out = file.to_str().unwrap();
    let enroll = [
        "enroll",
        "cluster-a",
        "--nats-url",
        &url,
        "--bus-keys",
        keys,
        "--creds-out",
        out,
    ];
    let keep_existing = [&enroll[..], &["--keep"]].concat();
    for arguments in [&enroll[..], &keep_existing] {
        let output = aggregator(arguments).await;
        assert!(output.status.success(), "{}", said(&output));
        assert!(output.stdout.is_empty(), "no manifest: {}", said(&output));
    }
    let made = std::fs::read_to_string(&file).unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = aggregator(&enroll).await;
    assert!(!again.status.success());
    assert!(said(&again).contains("--creds-out"), "{}", said(&again));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), made);
    let options = async_nats::ConnectOptions::with_credentials(&made).unwrap();
    let client = options.connect(&url).await.expect("the server lets it in");
    client.flush().await.unwrap();
    // Neither the second nor the third call created a credential: two more are one too many.
    for (name, possible) in [("b.creds", true), ("c.creds", false)] {
        let other = dir.path().join(name);
        let output = aggregator(&[&enroll[..7], &[other.to_str().unwrap()]].concat()).await;
        assert_eq!(output.status.success(), possible, "{}", said(&output));
        assert_eq!(other.exists(), possible);
    }
}

#[tokio::test]
async fn a_credential_for_runs_needs_no_verbs_and_one_for_verbs_names_its_clusters() {
    let (server, _dir) = server().await;
    let keys = server.keys().aggregator_dir();
    let operator = keys.with_file_name("operator");
    let creds = ["bus", "creds", "--keys", operator.to_str().unwrap()];
    let made = aggregator(&[&creds[..], &["--runs"]].concat()).await;
    assert!(made.status.success(), "{}", said(&made));
    for arguments in [
        &["--runs", "--verbs", "restart"][..],
        &[],
        &["--admin", "--runs"],
    ] {
        let refused = aggregator(&[&creds[..], arguments].concat()).await;
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_line_end_in_a_variable_is_named_before_anything_is_done() {
    let dir = TempDir::new().unwrap();
    let users = dir.path().join("users.json\r");
    let output = Command::new(env!("CARGO_BIN_EXE_aggregator"))
        .arg("openapi")
        .env("MCA_USERS", &users)
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let expected = "MCA_USERS begins or ends with U+000D (carriage return)";
    assert!(said(&output).contains(expected), "{}", said(&output));
}

/// What Windows PowerShell's pipe sends when $OutputEncoding is UTF-8 with its preamble.
#[tokio::test]
async fn a_password_that_comes_with_a_byte_order_mark_is_not_hashed() {
    let dir = TempDir::new().unwrap();
    let input = dir.path().join("input");
    std::fs::write(&input, "\u{feff}correct horse battery\r\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_aggregator"))
        .args(["user", "hash-password"])
        .stdin(std::fs::File::open(&input).unwrap())
        .output()
        .await
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    let said = said(&output);
    assert!(said.contains("U+FEFF (byte order mark)"), "{said}");
    assert!(!said.contains("battery"), "{said}");
}

#[tokio::test]
async fn webhooks_are_checked_at_the_command_line_which_shows_neither_secrets_nor_urls() {
    let router = Router::new()
        .route("/takes/TOKEN", post(async |_: String| ()))
        .route(
            "/moved/TOKEN",
            post(async || Redirect::temporary("/takes/TOKEN")),
        );
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let closed_address = closed.local_addr().unwrap();
    drop(closed);

    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    write("chat", &format!("http://{address}/takes/TOKEN"));
    let signed = |name: &str, url: String| json!({ "name": name, "format": "standard", "url": url, "secret_file": "secret", "allow_private": true });
    let chat =
        json!({ "name": "chat", "format": "slack", "url_file": "chat", "allow_private": true });
    let moved = signed("moved", format!("http://{address}/moved/TOKEN"));
    let down = signed("down", format!("http://{closed_address}/TOKEN"));
    let local = signed(
        "local",
        format!("http://localhost:{}/takes/TOKEN", address.port()),
    );
    // A name that resolves to an address that is not public.
    let mut inside = signed(
        "inside",
        format!("https://localhost:{}/TOKEN", address.port()),
    );
    inside["allow_private"] = json!(false);
    let file = dir.path().join("webhooks.json");
    let check = ["notifications", "check", file.to_str().unwrap()];
    let check = async |webhooks: &[&Value], more: &[&str]| {
        std::fs::write(&file, json!({ "webhooks": webhooks }).to_string()).unwrap();
        let output = aggregator(&[&check[..], more].concat()).await;
        for secret in ["TOKEN", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(!said(&output).contains(secret), "{}", said(&output));
        }
        output
    };
    let read = check(&[&chat, &down], &[]).await;
    assert!(read.status.success(), "{}", said(&read));
    assert!(
        said(&read).contains("chat (slack): can be used"),
        "{}",
        said(&read)
    );
    let sent = check(&[&chat, &local], &["--send"]).await;
    assert!(sent.status.success(), "{}", said(&sent));
    assert_eq!(said(&sent).matches("has taken the test message").count(), 2);
    let failed = check(&[&chat, &moved, &down, &inside], &["--send"]).await;
    assert!(!failed.status.success());
    for part in [
        "chat (slack): has taken",
        "moved (standard): failed: it answered 307 Temporary Redirect, and redirects are not followed",
        "down (standard): failed: ",
        "onnection refused",
        "inside (standard): failed: ",
        "127.0.0.1 is not allowed: it is not public",
        "3 webhooks have not taken",
    ] {
        assert!(said(&failed).contains(part), "{part}: {}", said(&failed));
    }
    inside["url"] = json!("https://10.0.0.1/TOKEN");
    let refused = check(&[&inside], &[]).await;
    assert!(!refused.status.success());
    assert!(
        said(&refused).contains("webhooks[0].url: "),
        "{}",
        said(&refused)
    );
}
