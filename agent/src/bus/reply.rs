//! Replies on the wire: the JSON of the reply, or a fault in the format of the NATS services convention (ADR-32).

use async_nats::HeaderMap;
use async_nats::service::{NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE};
use bus_link::encoding;
use bus_schema::{AGENT_MESSAGE_BYTES, Fault, FaultCode};
use bytes::Bytes;

/// The maximum size of a reply's headers.
const HEADER_BYTES: usize = 256;

/// A reply message.
pub struct Reply {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// The reply to a request with these headers; a reply that the broker would reject is replaced by a fault that says so. The
    /// broker's limit for agents may be lower than `max_payload`, which applies to all clients.
    pub fn of(
        answer: Result<Vec<u8>, Fault>,
        request_headers: Option<&HeaderMap>,
        max_payload: usize,
    ) -> Self {
        let body = match answer {
            Ok(body) => body,
            Err(fault) => return Self::fault(&fault),
        };
        let (bytes, mut headers) = (body.len(), HeaderMap::new());
        let body = match encoding::accepts(request_headers) {
            true if bytes <= encoding::UNPACKED_BYTES => encoding::pack(body, &mut headers),
            _ => body,
        };
        let most = max_payload.min(AGENT_MESSAGE_BYTES) - HEADER_BYTES;
        if body.len() > most {
            let message = format!(
                "the reply has {bytes} bytes, more than the {most} that the bus allows; request less"
            );
            return Self::fault(&Fault::new(FaultCode::TooLarge, message));
        }
        Self {
            headers,
            body: body.into(),
        }
    }

    fn fault(fault: &Fault) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_SERVICE_ERROR, fault.header());
        headers.insert(NATS_SERVICE_ERROR_CODE, fault.code.status().to_string());
        let body = serde_json::to_vec(fault).unwrap_or_default();
        Self {
            headers,
            body: body.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_the_conventions_headers_and_our_body() {
        let fault = Fault::new(FaultCode::NotFound, "no such\r\nthing");
        let reply = Reply::of(Err(fault.clone()), None, 1024);
        let header = |name| reply.headers.get(name).unwrap().as_str();
        assert_eq!(header("Nats-Service-Error"), "no such  thing");
        assert_eq!(header("Nats-Service-Error-Code"), "404");
        assert_eq!(serde_json::from_slice::<Fault>(&reply.body).unwrap(), fault);
    }

    #[test]
    fn a_reply_that_the_broker_would_reject_becomes_a_fault() {
        for (max_payload, most) in [(1024, 768), (8 << 20, (1 << 20) - 256)] {
            let reply = Reply::of(Ok(vec![b'x'; most + 1]), None, max_payload);
            let fault: Fault = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(fault.code, FaultCode::TooLarge);
            let fits = Reply::of(Ok(vec![b'x'; most]), None, max_payload);
            assert!(fits.headers.is_empty());
        }
    }

    #[test]
    fn a_large_reply_is_compressed_for_requesters_that_accept_it() {
        let answer = || Ok(vec![b'x'; 200_000]);
        let plain = Reply::of(answer(), None, 1 << 20);
        let packed = Reply::of(answer(), Some(&encoding::accepting()), 1 << 20);
        assert!(packed.body.len() < plain.body.len() / 100);
        let unpacked = encoding::unpack(packed.body, Some(&packed.headers)).unwrap();
        assert_eq!(unpacked, plain.body);
    }
}
