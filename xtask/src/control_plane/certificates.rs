//! The keys of one control plane, newly generated: a certificate authority, the API server's certificate, the key that signs
//! ServiceAccount tokens, and the administrator's token.

use std::fs;
use std::path::Path;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

pub const AUTHORITY: &str = "ca.crt";
pub const SERVER: &str = "apiserver.crt";
pub const SERVER_KEY: &str = "apiserver.key";
pub const ACCOUNTS: &str = "service-accounts.pub";
pub const ACCOUNTS_KEY: &str = "service-accounts.key";
pub const TOKENS: &str = "tokens.csv";

/// Writes all of them into `dir`, which is readable by its owner alone.
pub fn write(dir: &Path, admin_token: &str) -> Result<()> {
    let authority_key = KeyPair::generate()?;
    let authority = authority()?;
    let certificate = authority.self_signed(&authority_key)?;
    fs::write(dir.join(AUTHORITY), certificate.pem())?;

    let issuer = Issuer::new(authority, authority_key);
    let server_key = KeyPair::generate()?;
    let server = server()?.signed_by(&server_key, &issuer)?;
    fs::write(dir.join(SERVER), server.pem())?;
    fs::write(dir.join(SERVER_KEY), server_key.serialize_pem())?;

    let accounts = KeyPair::generate()?;
    fs::write(dir.join(ACCOUNTS_KEY), accounts.serialize_pem())?;
    fs::write(dir.join(ACCOUNTS), accounts.public_key_pem())?;

    let tokens = format!("{admin_token},admin,admin,system:masters\n");
    Ok(fs::write(dir.join(TOKENS), tokens)?)
}

fn authority() -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "control plane of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

fn server() -> Result<CertificateParams> {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    params
        .distinguished_name
        .push(DnType::CommonName, "kube-apiserver");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}
