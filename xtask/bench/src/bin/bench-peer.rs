//! The bare peers: a NATS responder and an HTTP server, both of which return the same bytes to every request.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use async_nats::ConnectOptions;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bytes::Bytes;
use clap::Parser;
use futures::StreamExt;
use tokio::net::TcpListener;

/// Responds with the content of a file.
#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    body: PathBuf,
    #[arg(long)]
    nats_url: String,
    #[arg(long)]
    nats_creds: PathBuf,
    #[arg(long)]
    subject: String,
    #[arg(long)]
    http: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let body = Bytes::from(std::fs::read(&arguments.body)?);
    let options = ConnectOptions::with_credentials_file(&arguments.nats_creds).await?;
    let client = options.connect(&arguments.nats_url).await?;
    let mut requests = client.subscribe(arguments.subject).await?;
    let listener = TcpListener::bind(arguments.http).await?;
    let page = body.clone();
    let router = Router::new().route(
        "/",
        get(move || async move { ([(CONTENT_TYPE, "application/json")], page) }),
    );
    let answering = async move {
        while let Some(request) = requests.next().await {
            let reply = request.reply.context("a request without a reply subject")?;
            client.publish(reply, body.clone()).await?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        ended = answering => ended,
        ended = axum::serve(listener, router) => Ok(ended?),
    }
}
