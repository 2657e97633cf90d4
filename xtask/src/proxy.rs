//! A TCP proxy between two of our programs, to cut the line between them.

use std::io;
use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const CHUNK: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Open,
    Cut,
    Reset,
}

/// Listens on a free port of 127.0.0.1 until it is dropped, which closes its connections too.
pub struct TcpProxy {
    address: SocketAddr,
    link: watch::Sender<Link>,
    acceptor: JoinHandle<()>,
}

impl TcpProxy {
    pub async fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (link, state) = watch::channel(Link::Open);
        let acceptor = tokio::spawn(accept(listener, upstream, state));
        Ok(Self {
            address,
            link,
            acceptor,
        })
    }

    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Like a cut cable: connections stay, new ones open, nothing passes. What is sent meanwhile arrives after
    /// [`heal`](Self::heal), as TCP would send it again.
    pub fn cut(&self) {
        self.link.send_replace(Link::Cut);
    }

    /// Closes every connection, and new ones as soon as they are made.
    pub fn reset(&self) {
        self.link.send_replace(Link::Reset);
    }

    pub fn heal(&self) {
        self.link.send_replace(Link::Open);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, link: watch::Receiver<Link>) {
    while let Ok((client, _)) = listener.accept().await {
        // Whatever ends a connection, the two peers see their socket close: there is nobody to tell.
        drop(tokio::spawn(connect(client, upstream, link.clone())));
    }
}

async fn connect(
    client: TcpStream,
    upstream: SocketAddr,
    mut link: watch::Receiver<Link>,
) -> io::Result<()> {
    let both = pass_both(client, upstream, link.clone());
    tokio::select! {
        result = both => result,
        // An error here is the end of the proxy.
        _ = link.wait_for(|link| *link == Link::Reset) => Ok(()),
    }
}

async fn pass_both(
    client: TcpStream,
    upstream: SocketAddr,
    mut link: watch::Receiver<Link>,
) -> io::Result<()> {
    open(&mut link).await?;
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_reader, client_writer) = client.into_split();
    let (server_reader, server_writer) = server.into_split();
    tokio::try_join!(
        pass(client_reader, server_writer, link.clone()),
        pass(server_reader, client_writer, link),
    )?;
    Ok(())
}

/// An end of the stream is held back by a cut as the bytes are.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut link: watch::Receiver<Link>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = from.read(&mut buffer).await?;
        open(&mut link).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}

async fn open(link: &mut watch::Receiver<Link>) -> io::Result<()> {
    let opened = link.wait_for(|link| *link == Link::Open).await;
    opened.map(drop).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// A server that sends back what it gets.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reader, mut writer) = stream.split();
                    tokio::io::copy(&mut reader, &mut writer).await
                });
            }
        });
        address
    }

    async fn say(stream: &mut TcpStream, byte: u8) -> io::Result<u8> {
        stream.write_all(&[byte]).await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn bytes_pass_while_the_link_is_whole() {
        let proxy = TcpProxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        assert_eq!(say(&mut stream, 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn what_is_sent_into_a_cut_arrives_when_it_heals() {
        let proxy = TcpProxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        say(&mut stream, 1).await.unwrap();
        proxy.cut();
        let silence = timeout(Duration::from_millis(200), say(&mut stream, 2)).await;
        assert!(silence.is_err(), "a byte came through the cut");
        proxy.heal();
        assert_eq!(stream.read_u8().await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_reset_closes_old_and_new_connections_until_it_heals() {
        let proxy = TcpProxy::start(echo().await).await.unwrap();
        let mut old = TcpStream::connect(proxy.addr()).await.unwrap();
        say(&mut old, 1).await.unwrap();
        proxy.reset();
        assert!(old.read_u8().await.is_err());
        let mut new = TcpStream::connect(proxy.addr()).await.unwrap();
        assert!(say(&mut new, 2).await.is_err());
        proxy.heal();
        let mut healed = TcpStream::connect(proxy.addr()).await.unwrap();
        assert_eq!(say(&mut healed, 3).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn the_end_of_the_proxy_closes_its_connections() {
        let proxy = TcpProxy::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        say(&mut stream, 1).await.unwrap();
        drop(proxy);
        assert!(stream.read_u8().await.is_err());
    }
}
