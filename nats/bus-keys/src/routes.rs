//! The certificates between the nats-servers of one bus, from a CA that is created only for this. A server without one of them
//! cannot pose as a server, and traffic between servers is always encrypted.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use jiff::{Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::key::Secret;
use crate::label::Label;

/// One nats-server of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its unique name.
    pub name: Label,
    /// Its address for the others: a host name or an IP address.
    pub host: String,
    /// The port for them.
    pub port: u16,
}

/// Not a [`Member`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write it as NAME=HOST:PORT, such as n1=nats-1.example:6222, the address at which the other servers reach this one"
)]
pub struct MemberError;

impl FromStr for Member {
    type Err = MemberError;

    fn from_str(text: &str) -> Result<Self, MemberError> {
        let (name, address) = text.split_once('=').ok_or(MemberError)?;
        let (host, port) = address.rsplit_once(':').ok_or(MemberError)?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(legal) {
            return Err(MemberError);
        }
        let port = port.parse().ok().filter(|port| *port != 0);
        Ok(Self {
            name: name.parse().map_err(|_| MemberError)?,
            host: host.to_owned(),
            port: port.ok_or(MemberError)?,
        })
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Member {
    /// On its own IP address, if given; otherwise on all of its machine's, since its name may resolve differently there.
    pub(crate) fn listen(&self) -> SocketAddr {
        let ip: Option<IpAddr> = self.host.trim_matches(['[', ']']).parse().ok();
        SocketAddr::new(ip.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), self.port)
    }
}

/// The CA of one bus.
pub(crate) struct RouteAuthority {
    issuer: Issuer<'static, KeyPair>,
    pub certificate: String,
    pub key: Secret,
    from: Timestamp,
}

const YEARS: i32 = 10;

impl RouteAuthority {
    pub fn generate(now: Timestamp) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = params("routes between the nats-servers", vec![], now)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self {
            certificate,
            key: Secret::new(key.serialize_pem()),
            issuer: Issuer::new(params, key),
            from: now,
        })
    }

    /// Certificate and private key of one server, which is both server and client to the others.
    pub fn sign(&self, member: &Member) -> Result<(String, Secret), rcgen::Error> {
        let host = member.host.trim_matches(['[', ']']).to_owned();
        let mut params = params(member.name.as_str(), vec![host], self.from)?;
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok((certificate.pem(), Secret::new(key.serialize_pem())))
    }
}

fn params(
    name: &str,
    hosts: Vec<String>,
    now: Timestamp,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    let today = now.to_zoned(TimeZone::UTC).date();
    // The clocks of the servers may differ.
    let from = today.yesterday().unwrap_or(today);
    let day = |date: jiff::civil::Date, years: i32| {
        let [month, day] = [date.month(), date.day()].map(i8::unsigned_abs);
        // Not every year has a 29th of February.
        rcgen::date_time_ymd(i32::from(date.year()) + years, month, day.min(28))
    };
    params.not_before = day(from, 0);
    params.not_after = day(today, YEARS);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_a_name_and_where_it_is_reached() {
        let member: Member = "n1=nats-1.example:6222".parse().unwrap();
        assert_eq!(member.name.as_str(), "n1");
        assert_eq!(member.to_string(), "nats-1.example:6222");
        assert_eq!(member.listen().to_string(), "0.0.0.0:6222");
        let local: Member = "n2=127.0.0.1:6223".parse().unwrap();
        assert_eq!(local.listen().to_string(), "127.0.0.1:6223");
        let six: Member = "n3=[::1]:6223".parse().unwrap();
        assert_eq!(six.listen().to_string(), "[::1]:6223");
    }

    #[test]
    fn what_is_no_member_is_refused() {
        for text in [
            "",
            "n1",
            "n1=",
            "n1=a",
            "n1=:6222",
            "n1=a:0",
            "n1=a:x",
            "=a:1",
            "a b=a:1",
            "n1=a\"b:1",
        ] {
            assert_eq!(text.parse::<Member>(), Err(MemberError), "{text}");
        }
    }
}
