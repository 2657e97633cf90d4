//! The file of `--nats-ca`: the CA that must have signed the nats-server's certificate. With it no other CA is trusted, not even
//! those of the system: an operator with a private CA wants no other to authenticate the bus.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// A CA, or several of them while one replaces another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    file: PathBuf,
}

/// The file cannot be used as a CA.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// It does not exist, or may not be read.
    #[error("--nats-ca: {} cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It contains no certificate.
    #[error(
        "--nats-ca: there is no certificate in {}; it must contain the certificate of the CA that signed the nats-server's, as PEM (-----BEGIN CERTIFICATE-----)",
        file.display()
    )]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// An entry is not a valid certificate.
    #[error("--nats-ca: certificate {number} in {} is broken", file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Authority {
    /// Reads the file once, to report errors at the start. It is read again at each connection.
    ///
    /// # Errors
    /// If it contains no certificates, or broken ones.
    pub fn open(file: &Path) -> Result<Self, AuthorityError> {
        let authority = Self {
            file: file.to_owned(),
        };
        authority.pem()?;
        Ok(authority)
    }

    /// Its path.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Its validated text.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn pem(&self) -> Result<String, AuthorityError> {
        let file = || self.file.clone();
        let text = text_input::read(&self.file).map_err(|source| AuthorityError::Unreadable {
            file: file(),
            source,
        })?;
        let mut trusted = RootCertStore::empty();
        for (index, found) in CertificateDer::pem_slice_iter(text.as_bytes()).enumerate() {
            let broken = |source: Box<dyn std::error::Error + Send + Sync>| {
                let (file, number) = (file(), index + 1);
                AuthorityError::Broken {
                    file,
                    number,
                    source,
                }
            };
            let found = found.map_err(|error| broken(error.to_string().into()))?;
            trusted.add(found).map_err(|error| broken(error.into()))?;
        }
        if trusted.is_empty() {
            return Err(AuthorityError::NoCertificate { file: file() });
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn opened(text: Option<&str>) -> Result<Authority, AuthorityError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        Authority::open(&file)
    }

    fn certificate() -> String {
        let made = rcgen::generate_simple_self_signed(["bus.example".to_owned()]);
        made.unwrap().cert.pem()
    }

    #[test]
    fn one_certificate_is_a_ca_and_so_are_two() {
        let (one, other) = (certificate(), certificate());
        assert!(opened(Some(&one)).is_ok());
        assert!(opened(Some(&format!("# the old one\n{one}\n{other}"))).is_ok());
    }

    #[test]
    fn whatever_is_none_is_refused_with_flag_and_file() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let whole = certificate();
        let cut = whole.replacen("MII", "AII", 1);
        let half = &whole[..whole.len() / 2];
        for text in [
            None,
            Some(""),
            Some("ca"),
            Some(key.as_str()),
            Some(half),
            Some(&cut),
        ] {
            let error = opened(text).unwrap_err().to_string();
            assert!(error.starts_with("--nats-ca: "), "{error}");
            assert!(error.contains("ca.pem"), "{error}");
        }
    }
}
