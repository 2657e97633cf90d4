//! A certificate authority for one test, and server certificates issued by it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

pub struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// Whether a certificate is valid or expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dated {
    Now,
    Past,
}

impl Authority {
    /// Creates an authority in `dir`, which is created too.
    pub fn new(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        fs::write(dir.join("ca.pem"), params.self_signed(&key)?.pem())?;
        Ok(Self {
            dir: dir.to_owned(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The file for `--nats-ca`.
    pub fn file(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// Certificate and private key of a server on this machine.
    pub fn certificate(&self) -> Result<(PathBuf, PathBuf)> {
        self.certificate_for("127.0.0.1", Dated::Now)
    }

    /// Certificate and private key of a server of this host name or address.
    pub fn certificate_for(&self, host: &str, dated: Dated) -> Result<(PathBuf, PathBuf)> {
        let mut params = CertificateParams::new([host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if dated == Dated::Past {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let dir = tempfile::tempdir_in(&self.dir)?.keep();
        let files = (dir.join("server.crt"), dir.join("server.key"));
        fs::write(&files.0, certificate.pem())?;
        fs::write(&files.1, key.serialize_pem())?;
        Ok(files)
    }
}
