//! The configuration of the nats-server: the shipped file as it is, and beside it one with what differs from bus to bus.

use std::path::Path;

use crate::init::Place;
use crate::jwt::Token;

/// `nats/nats-server.conf`.
pub(crate) const SHIPPED: &str = include_str!("../../nats-server.conf");

pub(crate) struct Tokens<'a> {
    pub operator: &'a Token,
    pub system: (&'a str, &'a Token),
    pub fleet: (&'a str, &'a Token),
}

/// The text of `bus.conf`.
pub(crate) fn of_this_bus(place: &Place, tokens: &Tokens<'_>) -> String {
    let Place { listen, store, tls } = place;
    let Tokens {
        operator,
        system: (system, system_token),
        fleet: (fleet, fleet_token),
    } = tokens;
    let (operator, listen) = (operator.as_str(), quoted(&listen.to_string()));
    let (system_token, fleet_token) = (system_token.as_str(), fleet_token.as_str());
    let (jetstream, accounts) = (path(store), path(&store.join("accounts")));
    let tls = tls.as_ref().map_or(String::new(), |(cert, key)| {
        let (cert, key) = (path(cert), path(key));
        format!("\ntls {{\n  cert_file: {cert}\n  key_file: {key}\n  min_version: \"1.2\"\n}}\n")
    });
    format!(
        "# Made by `aggregator bus init` for one bus; nats-server.conf includes it. No secrets, but whoever changes it\n\
         # decides whom the bus trusts.\n\
         MCA_LISTEN: {listen}\n\
         MCA_STORE_DIR: {jetstream}\n\
         {tls}\n\
         # Who may let accounts in.\n\
         operator: \"{operator}\"\n\
         system_account: \"{system}\"\n\n\
         # The accounts' tokens, and every newer one that the aggregator has sent, with whom it locks out.\n\
         resolver {{\n  type: full\n  dir: {accounts}\n  allow_delete: false\n}}\n\
         resolver_preload {{\n  {system}: \"{system_token}\"\n  {fleet}: \"{fleet_token}\"\n}}\n"
    )
}

fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// The server reads the escapes of JSON that a path can need.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
