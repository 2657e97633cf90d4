//! A minimal HTTP client that checks whether our aggregator on loopback is ready.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body)
            .with_context(|| format!("status {}, no JSON: {}", self.status, self.body))
    }
}

pub async fn get(address: SocketAddr, path: &str, token: Option<&str>) -> Result<Answer> {
    call(address, "GET", path, token, "").await
}

pub async fn post(
    address: SocketAddr,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Result<Answer> {
    call(address, "POST", path, token, &body.to_string()).await
}

pub async fn delete(address: SocketAddr, path: &str, token: &str) -> Result<Answer> {
    call(address, "DELETE", path, Some(token), "").await
}

/// HTTP/1.0: the response is not chunked and ends with the connection.
async fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> Result<Answer> {
    let authorization = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\n{authorization}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        parse(&answer).with_context(|| format!("no HTTP answer: {answer:?}"))
    };
    timeout(ANSWERED_WITHIN, exchange).await?
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_read() {
        let answer = parse("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\n{}\r\n\r\n").unwrap();
        let expected = Answer {
            status: 503,
            body: "{}\r\n\r\n".to_owned(),
        };
        assert_eq!(answer, expected);
        assert_eq!(parse("HTTP/1.0 200 OK\r\n"), None);
    }
}
