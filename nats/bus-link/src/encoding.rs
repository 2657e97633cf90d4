//! Large replies are compressed if the requester accepts that; requesters with the nats CLI get plain JSON. The headers are HTTP's.

use std::io::Read as _;

use async_nats::HeaderMap;
use bytes::Bytes;

const ACCEPT: &str = "Accept-Encoding";
const ENCODING: &str = "Content-Encoding";
const ZSTD: &str = "zstd";

/// Below this many bytes compression takes longer than it saves: on a link of 10 Mbit/s they take 50 ms, less than the latency
/// across an ocean.
const WORTHWHILE: usize = 64 * 1024;

/// The fastest level; JSON shrinks by a factor of five to ten with it.
const LEVEL: i32 = 1;

/// Maximum number of bytes of an unpacked reply, so that a small message cannot fill the memory.
pub const UNPACKED_BYTES: usize = 1024 * 1024;

/// A reply cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum EncodingError {
    /// It does not match its headers.
    #[error("the reply is not valid zstd, though its header says so")]
    Broken(#[source] std::io::Error),
    /// It would be too large.
    #[error("the reply is larger than {UNPACKED_BYTES} bytes when it is unpacked")]
    TooLarge,
    /// Its encoding was not accepted by the request.
    #[error("the reply has an encoding that was not requested")]
    Unknown,
}

/// The headers of a request whose reply may be compressed.
#[must_use]
pub fn accepting() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, ZSTD);
    headers
}

/// Whether the requester accepts a compressed reply.
#[must_use]
pub fn accepts(headers: Option<&HeaderMap>) -> bool {
    let accepted = headers.and_then(|headers| headers.get(ACCEPT));
    accepted.is_some_and(|accepted| accepted.as_str() == ZSTD)
}

/// Compresses a reply if that is worthwhile, and sets the headers.
#[must_use]
pub fn pack(body: Vec<u8>, headers: &mut HeaderMap) -> Vec<u8> {
    if body.len() < WORTHWHILE {
        return body;
    }
    match zstd::bulk::compress(&body, LEVEL) {
        Ok(packed) if packed.len() < body.len() => {
            headers.insert(ENCODING, ZSTD);
            packed
        }
        _ => body,
    }
}

/// The reply as it was before [`pack`].
///
/// # Errors
/// If it does not match its headers, or is too large.
pub fn unpack(body: Bytes, headers: Option<&HeaderMap>) -> Result<Bytes, EncodingError> {
    let Some(encoding) = headers.and_then(|headers| headers.get(ENCODING)) else {
        return Ok(body);
    };
    if encoding.as_str() != ZSTD {
        return Err(EncodingError::Unknown);
    }
    let reader = zstd::Decoder::new(&*body).map_err(EncodingError::Broken)?;
    let (mut unpacked, limit) = (Vec::new(), UNPACKED_BYTES as u64 + 1);
    let read = reader.take(limit).read_to_end(&mut unpacked);
    read.map_err(EncodingError::Broken)?;
    if unpacked.len() > UNPACKED_BYTES {
        return Err(EncodingError::TooLarge);
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(body: &[u8]) -> (Bytes, HeaderMap) {
        let mut headers = HeaderMap::new();
        (pack(body.to_vec(), &mut headers).into(), headers)
    }

    #[test]
    fn a_large_reply_is_smaller_on_the_way_and_the_same_afterwards() {
        let body = br#"{"deployment_name":"shop"},"#.repeat(10_000);
        let (on_the_way, headers) = packed(&body);
        assert!(on_the_way.len() < body.len() / 5);
        assert_eq!(
            unpack(on_the_way, Some(&headers)).expect("it unpacks"),
            body
        );
    }

    #[test]
    fn a_small_reply_and_one_that_does_not_shrink_stay_as_they_are() {
        let noise: Vec<u8> = std::iter::successors(Some(1_u32), |seed| {
            Some(seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223))
        })
        .take(WORTHWHILE)
        .map(|seed| seed.to_be_bytes()[0])
        .collect();
        for body in [b"{}".repeat(100), noise] {
            let (on_the_way, headers) = packed(&body);
            assert_eq!(on_the_way, body);
            assert!(headers.is_empty());
            assert_eq!(unpack(on_the_way, None).expect("it is plain"), body);
        }
    }

    #[test]
    fn a_bomb_and_what_is_not_zstd_are_refused() {
        let (bomb, headers) = packed(&vec![b' '; UNPACKED_BYTES + 1]);
        assert!(bomb.len() < 1000);
        let error = unpack(bomb, Some(&headers)).expect_err("it is too large");
        assert!(matches!(error, EncodingError::TooLarge), "{error}");
        let error = unpack("{}".into(), Some(&headers)).expect_err("it is broken");
        assert!(matches!(error, EncodingError::Broken(_)), "{error}");
        let mut other = HeaderMap::new();
        other.insert(ENCODING, "br");
        let error = unpack("{}".into(), Some(&other)).expect_err("it is unknown");
        assert!(matches!(error, EncodingError::Unknown), "{error}");
    }

    #[test]
    fn only_who_says_so_is_sent_what_is_compressed() {
        assert!(accepts(Some(&accepting())));
        assert!(!accepts(None));
        assert!(!accepts(Some(&HeaderMap::new())));
    }
}
