//! The protocol on the socket: one request and one response per connection, each a line of JSON.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{SignRequest, SignResponse};

/// A request has the account's token and the list of keys to revoke. Each fits into a `max_payload`, for which the nats-server warns above 8 MiB.
pub(super) const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// How long a call to the signing process may take.
const CALL_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn call(socket: &Path, request: &SignRequest) -> Result<SignResponse> {
    let call = async {
        let mut stream = UnixStream::connect(socket).await?;
        write_line(&mut stream, request).await?;
        let line = read_line(&mut stream).await?;
        let line = line.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        Ok(serde_json::from_slice(&line)?)
    };
    timeout(CALL_WITHIN, call).await?
}

/// `None` if nothing was sent.
///
/// # Errors
/// [`ErrorKind::InvalidData`] for a line that is too long, [`ErrorKind::UnexpectedEof`] for one that does not end.
pub(super) async fn read_line(stream: &mut UnixStream) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let limit = u64::try_from(MESSAGE_BYTES).expect("it fits") + 1;
    let mut reader = BufReader::new(stream.take(limit));
    reader.read_until(b'\n', &mut line).await?;
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Some(line));
    }
    if line.is_empty() {
        return Ok(None);
    }
    Err(if line.len() > MESSAGE_BYTES {
        let message = format!("a line of more than {MESSAGE_BYTES} bytes");
        Error::new(ErrorKind::InvalidData, message)
    } else {
        Error::new(ErrorKind::UnexpectedEof, "the line does not end")
    })
}

pub(super) async fn write_line(stream: &mut UnixStream, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).await
}
