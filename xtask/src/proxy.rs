//! A TCP proxy between two of our programs, to interrupt or degrade the link between them.

use std::io;
use std::net::SocketAddr;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

mod link_conditions;

pub use link_conditions::LinkConditions;

const CHUNK: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Open,
    Cut,
    Reset,
}

/// Chunks in flight: more than a bad link with one megabyte in flight holds.
const UNDER_WAY: usize = 256;

/// Listens on a free port of 127.0.0.1 until it is dropped, which closes its connections too.
pub struct TcpProxy {
    address: SocketAddr,
    link: watch::Sender<Link>,
    acceptor: JoinHandle<()>,
}

impl TcpProxy {
    pub async fn start(upstream: SocketAddr) -> Result<Self> {
        Self::with_conditions(upstream, LinkConditions::default()).await
    }

    /// With constant link conditions.
    pub async fn with_conditions(upstream: SocketAddr, conditions: LinkConditions) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (link, state) = watch::channel(Link::Open);
        let acceptor = tokio::spawn(accept(listener, upstream, conditions, state));
        Ok(Self {
            address,
            link,
            acceptor,
        })
    }

    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Like a cut cable: connections stay open, new ones can be opened, but nothing passes. Data sent in the meantime arrives after
    /// [`heal`](Self::heal), as TCP would retransmit it.
    pub fn cut(&self) {
        self.link.send_replace(Link::Cut);
    }

    /// Closes every connection, and new ones as soon as they are accepted.
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

async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    conditions: LinkConditions,
    link: watch::Receiver<Link>,
) {
    while let Ok((client, _)) = listener.accept().await {
        // Errors are ignored: both peers see their socket close.
        drop(tokio::spawn(connect(
            client,
            upstream,
            conditions,
            link.clone(),
        )));
    }
}

async fn connect(
    client: TcpStream,
    upstream: SocketAddr,
    conditions: LinkConditions,
    mut link: watch::Receiver<Link>,
) -> io::Result<()> {
    let both = pass_both(client, upstream, conditions, link.clone());
    tokio::select! {
        result = both => result,
        // An error here means that the proxy has been dropped.
        _ = link.wait_for(|link| *link == Link::Reset) => Ok(()),
    }
}

async fn pass_both(
    client: TcpStream,
    upstream: SocketAddr,
    conditions: LinkConditions,
    mut link: watch::Receiver<Link>,
) -> io::Result<()> {
    open(&mut link).await?;
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_reader, client_writer) = client.into_split();
    let (server_reader, server_writer) = server.into_split();
    tokio::try_join!(
        pass(client_reader, server_writer, conditions, link.clone()),
        pass(server_reader, client_writer, conditions, link),
    )?;
    Ok(())
}

/// A cut delays the end of the stream like its bytes.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    conditions: LinkConditions,
    mut link: watch::Receiver<Link>,
) -> io::Result<()> {
    let (sender, mut under_way) = mpsc::channel::<(Vec<u8>, Instant)>(UNDER_WAY);
    let send = async move {
        let (mut buffer, mut arrives) = (vec![0; CHUNK], Instant::now());
        loop {
            let length = from.read(&mut buffer).await?;
            open(&mut link).await?;
            arrives = conditions.arrival(length, arrives);
            // An error means that the other half has ended.
            if sender
                .send((buffer[..length].to_vec(), arrives))
                .await
                .is_err()
                || length == 0
            {
                return io::Result::Ok(());
            }
        }
    };
    let deliver = async move {
        while let Some((bytes, arrives)) = under_way.recv().await {
            sleep_until(arrives).await;
            to.write_all(&bytes).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(send, deliver)?;
    Ok(())
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

    /// An echo server.
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

    #[tokio::test(start_paused = true)]
    async fn a_bad_line_is_slow_and_loses_nothing() {
        let conditions = LinkConditions {
            latency: Duration::from_secs(2),
            bytes_per_second: 32_000,
            stalls: 0.2,
        };
        let proxy = TcpProxy::with_conditions(echo().await, conditions)
            .await
            .unwrap();
        let stream = TcpStream::connect(proxy.addr()).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let sent: Vec<u8> = (0..96_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let (began, mut received) = (Instant::now(), vec![0; sent.len()]);
        let (written, read) =
            tokio::join!(writer.write_all(&sent), reader.read_exact(&mut received));
        written.unwrap();
        read.unwrap();
        assert!(received == sent);
        // The round trip, and three seconds for the bytes.
        assert!(
            began.elapsed() >= Duration::from_secs(7),
            "{:?}",
            began.elapsed()
        );
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
