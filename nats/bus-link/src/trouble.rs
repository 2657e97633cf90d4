//! Why a nats-server cannot be reached, in one line with advice; logged once, not at each of many attempts.

use std::collections::HashMap;

use async_nats::{ClientError, ConnectErrorKind, Event, Server};
use parking_lot::Mutex;

use crate::authority::Authority;

/// The same error is logged again after this many attempts, which are half a minute apart.
const LOGGED_EVERY: usize = 60;

/// What is wrong with a server, as its client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    UnknownIssuer,
    OtherName,
    Expired,
    NoTls,
    OtherTls,
    Unreachable,
}

impl Trouble {
    /// From the messages of the TLS library, which the client passes on only as text. `None` for errors that other modules handle:
    /// credentials.
    pub fn of(error: &str) -> Option<Self> {
        let kind = |kind: ConnectErrorKind| error.starts_with(&kind.to_string());
        if kind(ConnectErrorKind::AuthorizationViolation) || kind(ConnectErrorKind::Authentication)
        {
            return None;
        }
        let says = |part: &str| error.contains(part);
        Some(if says("UnknownIssuer") || says("BadSignature") {
            // The second is a recreated CA of the same name.
            Self::UnknownIssuer
        } else if says("not valid for name") || says("NotValidForName") {
            Self::OtherName
        } else if says("certificate expired") || says("Expired") || says("not valid yet") {
            Self::Expired
        } else if says("corrupt message") || says("InvalidContentType") {
            Self::NoTls
        } else if says("certificate") || says("TLS") || says("alert") {
            Self::OtherTls
        } else {
            Self::Unreachable
        })
    }

    fn advice(self, error: &str, authority: Option<&Authority>) -> String {
        let trusted = authority.map_or_else(
            || "the CAs of this system; give the one that signed it with --nats-ca".to_owned(),
            |authority| {
                let file = authority.file().display();
                format!("those in {file} (--nats-ca); add the CA that signed it to that file")
            },
        );
        match self {
            Self::UnknownIssuer => {
                format!("its certificate is not signed by a trusted CA; trusted are {trusted}")
            }
            Self::OtherName => format!(
                "its certificate is for another host name ({error}); use one of its names in --nats-url, or issue a certificate for this name"
            ),
            Self::Expired => format!(
                "its certificate has expired or is not valid yet, or this machine's clock is wrong ({error}); renew it and reload the nats-server"
            ),
            Self::NoTls => {
                "it does not speak TLS, which tls:// and --nats-ca require; configure a certificate on the nats-server, or remove both".to_owned()
            }
            Self::OtherTls => match authority.map(Authority::pem) {
                Some(Err(error)) => error.to_string(),
                _ => format!("TLS failed: {error}"),
            },
            Self::Unreachable => error.to_owned(),
        }
    }
}

/// The errors of each server since the last successful connection.
#[derive(Debug)]
pub(crate) struct Troubles {
    authority: Option<Authority>,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    trouble: Trouble,
    attempts: usize,
    logged_at: usize,
}

impl Troubles {
    pub fn new(authority: Option<Authority>) -> Self {
        Self {
            authority,
            known: Mutex::default(),
        }
    }

    /// Checks all servers before an attempt, and logs new errors.
    pub fn look_at(&self, servers: &[Server]) {
        for server in servers {
            let url = server.addr.as_url_str();
            let error = server.last_error.as_deref().unwrap_or_default();
            if let Some(trouble) = self.to_log(url, server.failed_attempts, error) {
                let why = trouble.advice(error, self.authority.as_ref());
                match trouble {
                    Trouble::Unreachable => {
                        tracing::warn!("no connection to the bus at {url}: {why}")
                    }
                    _ => tracing::error!("no connection to the bus at {url}: {why}"),
                }
            }
        }
    }

    fn to_log(&self, url: &str, attempts: usize, error: &str) -> Option<Trouble> {
        let mut known = self.known.lock();
        let trouble = (attempts > 0).then(|| Trouble::of(error)).flatten();
        let Some(trouble) = trouble else {
            known.remove(url);
            return None;
        };
        let before = known.get(url).copied();
        let logged_at = match before {
            Some(known) if known.trouble == trouble && known.attempts <= attempts => {
                known.logged_at
            }
            // It is a new error, or the same one after a successful connection in between.
            _ => attempts,
        };
        let is_due = logged_at == attempts || attempts >= logged_at + LOGGED_EVERY;
        let is_new = before.is_none_or(|known| known.attempts != attempts);
        let now = Known {
            trouble,
            attempts,
            logged_at: if is_due { attempts } else { logged_at },
        };
        known.insert(url.to_owned(), now);
        (is_due && is_new).then_some(trouble)
    }
}

/// Whether the client's event only says that an attempt failed, which is logged here with its reason.
pub(crate) fn is_logged_elsewhere(event: &Event) -> bool {
    let Event::ClientError(ClientError::Other(kind)) = event else {
        return false;
    };
    [
        ConnectErrorKind::Io,
        ConnectErrorKind::Tls,
        ConnectErrorKind::Dns,
        ConnectErrorKind::TimedOut,
    ]
    .iter()
    .any(|kind_here| kind_here.to_string() == *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(attempts: &[(usize, &str)]) -> Vec<usize> {
        let troubles = Troubles::new(None);
        let is_logged =
            |(attempts, error): &&(usize, &str)| troubles.to_log("a", *attempts, error).is_some();
        attempts.iter().filter(is_logged).map(|(n, _)| *n).collect()
    }

    #[test]
    fn a_trouble_is_logged_once_and_again_after_many_attempts() {
        let attempts: Vec<_> = (1..=130).map(|n| (n, "IO error: UnknownIssuer")).collect();
        assert_eq!(logged(&attempts), [1, 61, 121]);
    }

    #[test]
    fn another_trouble_is_logged_at_once_and_an_old_one_is_not_logged_twice() {
        let (issuer, refused) = ("IO error: UnknownIssuer", "IO error: connection refused");
        let attempts = [
            (1, issuer),
            (1, issuer),
            (2, issuer),
            (3, refused),
            (4, refused),
        ];
        assert_eq!(logged(&attempts), [1, 3]);
    }

    #[test]
    fn after_a_connection_the_same_trouble_is_logged() {
        let refused = "IO error: connection refused";
        assert_eq!(
            logged(&[(1, refused), (2, refused), (0, ""), (1, refused)]),
            [1, 1]
        );
        assert_eq!(logged(&[(2, refused), (1, refused)]), [2, 1]);
    }

    #[test]
    fn what_the_bus_says_of_credentials_is_left_to_others() {
        assert_eq!(Trouble::of("authorization violation: nats"), None);
    }
}
