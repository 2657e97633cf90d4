//! The clients: over HTTP on one persistent connection, over the bus, or to the whole fleet at once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The response timeout; exceeding it fails the part.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// One connection to an HTTP server; reconnects if the server has closed it, as it does with idle connections.
pub struct Http {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    host: String,
    authorization: Option<String>,
}

/// A request that is sent repeatedly.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub content_type: &'static str,
    pub body: Bytes,
}

impl Ask {
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            content_type: "application/json",
            body: Bytes::new(),
        }
    }
}

impl Http {
    /// With or without a bearer token.
    pub async fn connect(address: SocketAddr, token: Option<&str>) -> Result<Self> {
        Ok(Self {
            sender: connection(address).await?,
            address,
            host: address.to_string(),
            authorization: token.map(|token| format!("Bearer {token}")),
        })
    }

    /// The head of the response, whatever its status; the body is not read yet.
    pub async fn open(&mut self, ask: &Ask) -> Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(&ask.method)
            .uri(&ask.path)
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, ask.content_type);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(ask.body.clone()))?;
        if self.sender.ready().await.is_err() {
            self.sender = connection(self.address).await?;
        }
        Ok(self.sender.send_request(request).await?)
    }

    /// The status and the body.
    pub async fn answer(&mut self, ask: &Ask) -> Result<(u16, Bytes)> {
        let exchange = async {
            let response = self.open(ask).await?;
            let status = response.status().as_u16();
            anyhow::Ok((status, response.into_body().collect().await?.to_bytes()))
        };
        timeout(ANSWERED_WITHIN, exchange).await?
    }

    /// The body of a successful response.
    pub async fn call(&mut self, ask: &Ask) -> Result<Bytes> {
        let (status, body) = self.answer(ask).await?;
        if !(200..300).contains(&status) {
            let text = String::from_utf8_lossy(&body);
            bail!("{} {}: {status} {text}", ask.method, ask.path);
        }
        Ok(body)
    }
}

async fn connection(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // The next request notices the end of the connection.
    tokio::spawn(connection);
    Ok(sender)
}

/// A request to one responder.
pub struct Bare {
    pub client: Client,
    pub subject: String,
    pub payload: Bytes,
    /// The length of the response.
    pub length: usize,
}

impl Bare {
    pub async fn call(&mut self) -> Result<()> {
        let response = self
            .client
            .request(self.subject.clone(), self.payload.clone());
        let length = timeout(ANSWERED_WITHIN, response).await??.payload.len();
        ensure!(length == self.length, "an answer of {length} bytes");
        Ok(())
    }
}

/// A request to all simulated clusters, each of which responds with this many bytes.
pub struct Scatter {
    client: Client,
    answers: Subscriber,
    payload: Bytes,
    clusters: usize,
}

impl Scatter {
    /// The request is as long as the real one, if the numbers fit.
    pub async fn new(
        client: Client,
        clusters: usize,
        question: usize,
        answer: usize,
    ) -> Result<Self> {
        // Responses to other requests must not be counted.
        static SCATTERS: AtomicU64 = AtomicU64::new(0);
        let scatter = SCATTERS.fetch_add(1, Ordering::Relaxed);
        let answers = client.subscribe(format!("agent.*.bench.{scatter}")).await?;
        let begin = format!("{answer} {scatter} ");
        let width = question.max(begin.len());
        Ok(Self {
            answers,
            payload: format!("{begin:?<width$}").into(),
            client,
            clusters,
        })
    }

    pub async fn call(&mut self) -> Result<()> {
        self.client
            .publish("fleet.bench", self.payload.clone())
            .await?;
        let all = async {
            for _ in 0..self.clusters {
                self.answers
                    .next()
                    .await
                    .context("the bus is unreachable")?;
            }
            anyhow::Ok(())
        };
        timeout(ANSWERED_WITHIN, all).await?
    }
}
