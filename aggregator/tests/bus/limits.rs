//! The broker's limits for each kind of credential. Without a client library, which would obey the limits that the server
//! announces.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bus_keys::Credentials;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;
use xtask::nats_server::NatsServer;

use crate::party::{PATIENCE, server};
use crate::people::permit;

const PERSON_BYTES: usize = 8 * 1024;
const AGENT_BYTES: usize = 1024 * 1024;

/// Speaks the protocol itself.
struct Connection {
    stream: BufStream<TcpStream>,
    /// The server's INFO, before or after authentication.
    info: Value,
}

impl Connection {
    async fn open(server: &NatsServer, creds: &Path) -> Self {
        let text = std::fs::read_to_string(creds).expect("credentials");
        let credentials = Credentials::parse(&text, None).expect("credentials");
        let stream = TcpStream::connect(server.address()).await;
        let mut connection = Self {
            stream: BufStream::new(stream.expect("a connection")),
            info: Value::Null,
        };
        assert_eq!(connection.line().await, "INFO");
        let nonce = connection.info["nonce"].as_str().expect("a nonce");
        let signature = URL_SAFE_NO_PAD.encode(credentials.sign(nonce.as_bytes()));
        let connect = json!({"jwt": credentials.token().as_str(), "sig": signature, "verbose": false, "pedantic": false});
        let connected = connection.says(&format!("CONNECT {connect}\r\n")).await;
        assert_eq!(connected, "PONG");
        connection
    }

    /// The server's response: `PONG` if it accepted everything.
    async fn says(&mut self, what: &str) -> String {
        let what = format!("{what}PING\r\n");
        // After a violation the server does not read the rest.
        drop(self.stream.write_all(what.as_bytes()).await);
        drop(self.stream.flush().await);
        loop {
            let line = self.line().await;
            if line != "INFO" {
                return line;
            }
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.stream.read_line(&mut line)).await;
        read.expect("an answer").expect("an answer");
        let line = line.trim_end();
        let Some(info) = line.strip_prefix("INFO ") else {
            return line.to_owned();
        };
        self.info = serde_json::from_str(info).expect("JSON");
        "INFO".to_owned()
    }

    async fn publishes(&mut self, subject: &str, bytes: usize) -> String {
        let payload = "x".repeat(bytes);
        self.says(&format!("PUB {subject} {bytes}\r\n{payload}\r\n"))
            .await
    }

    async fn subscribes(&mut self, subject: &str, times: usize) -> String {
        let mut all = String::new();
        for id in 0..times {
            write!(all, "SUB {subject} {id}\r\n").expect("a string");
        }
        self.says(&all).await
    }
}

const TOO_LARGE: &str = "-ERR 'Maximum Payload Violation'";
const TOO_MANY: &str = "-ERR 'maximum subscriptions exceeded'";

#[tokio::test]
async fn a_person_may_send_requests_of_eight_kilobytes_and_hear_little() {
    let (server, _dir) = server().await;
    let creds = server.keys().cli_creds(&permit("ana")).unwrap();
    let (to, inbox) = ("cluster.cluster-a.restart", "_INBOX.ana.x");
    let mut ana = Connection::open(&server, &creds).await;
    assert_eq!(ana.publishes(to, PERSON_BYTES).await, "PONG");
    assert_eq!(ana.publishes(to, PERSON_BYTES + 1).await, TOO_LARGE);
    let mut ana = Connection::open(&server, &creds).await;
    assert_eq!(ana.subscribes(inbox, 64).await, "PONG");
    let mut ana = Connection::open(&server, &creds).await;
    assert_eq!(ana.subscribes(inbox, 65).await, TOO_MANY);
}

#[tokio::test]
async fn an_agent_may_send_a_mebibyte_whatever_the_server_takes() {
    let (mut server, _dir) = server().await;
    let mut config = std::fs::read_to_string(server.config()).unwrap();
    config.push_str("\nmax_payload: 8MB\n");
    std::fs::write(server.config(), config).unwrap();
    server.restart().await.unwrap();
    let keys = server.keys();
    let creds = keys.agent_creds("cluster-a").unwrap();
    let to = "agent.cluster-a.reply.x.y";
    let mut agent = Connection::open(&server, &creds).await;
    assert_eq!(agent.publishes(to, AGENT_BYTES).await, "PONG");
    assert_eq!(agent.publishes(to, AGENT_BYTES + 1).await, TOO_LARGE);
    let mut agent = Connection::open(&server, &creds).await;
    let own = "cluster.cluster-a.x";
    assert_eq!(agent.subscribes(own, 513).await, TOO_MANY);
    // So a client does not learn its own limit from the server.
    assert_eq!(agent.info["max_payload"], 8 * AGENT_BYTES);
    // The account's token is one message of the aggregator.
    let mut aggregator = Connection::open(&server, &keys.aggregator_creds()).await;
    let to = "cluster.cluster-a.info";
    assert_eq!(aggregator.publishes(to, 2 * AGENT_BYTES).await, "PONG");
}
