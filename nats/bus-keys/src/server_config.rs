//! The configuration of the nats-server: the shipped file unchanged, and beside it one with the settings of this bus.

use std::net::SocketAddr;
use std::path::Path;

use crate::jwt::Token;
use crate::routes::Member;
use crate::server_settings::ServerSettings;

/// `nats/nats-server.conf`.
pub(crate) const SHIPPED: &str = include_str!("../../nats-server.conf");

pub(crate) struct Tokens<'a> {
    pub operator: &'a Token,
    pub system: (&'a str, &'a Token),
    pub fleet: (&'a str, &'a Token),
}

/// The text of `bus.conf`.
pub(crate) fn of_this_bus(settings: &ServerSettings, store: &Path, tokens: &Tokens<'_>) -> String {
    let ServerSettings {
        listen,
        tls,
        websocket,
        ..
    } = settings;
    let Tokens {
        operator,
        system: (system, system_token),
        fleet: (fleet, fleet_token),
    } = tokens;
    let (operator, listen) = (operator.as_str(), quoted(&listen.to_string()));
    let (system_token, fleet_token) = (system_token.as_str(), fleet_token.as_str());
    // The interval at which a server requests newer tokens from the others, in case it was down while a credential was revoked.
    let interval = match settings.members.is_empty() {
        true => "",
        false => "  interval: \"2s\"\n",
    };
    let (jetstream, accounts) = (path(store), path(&store.join("accounts")));
    let tls = tls.as_ref().map(|(cert, key)| {
        let (cert, key) = (path(cert), path(key));
        format!("tls {{ cert_file: {cert}, key_file: {key}, timeout: 15, min_version: \"1.2\" }}")
    });
    let websocket = websocket.map_or(String::new(), |listen| {
        let tls = tls.as_deref().unwrap_or("no_tls: true");
        let listen = quoted(&port_or_any(listen));
        format!("\n# For agents behind a firewall that allows only HTTPS.\nwebsocket {{\n  listen: {listen}\n  {tls}\n}}\n")
    });
    let tls = tls.map_or(String::new(), |tls| format!("\n{tls}\n"));
    format!(
        "# Made by `aggregator bus init` for one bus; nats-server.conf includes it. No secrets, but anyone who changes it\n\
         # decides whom the bus trusts.\n\
         MCA_LISTEN: {listen}\n\
         MCA_STORE_DIR: {jetstream}\n\
         {tls}{websocket}\n\
         # Who may let accounts in.\n\
         operator: \"{operator}\"\n\
         system_account: \"{system}\"\n\n\
         # The accounts' tokens, and every newer one that the aggregator has sent, with whom it revokes.\n\
         resolver {{\n  type: full\n  dir: {accounts}\n  allow_delete: false\n{interval}}}\n\
         resolver_preload {{\n  {system}: \"{system_token}\"\n  {fleet}: \"{fleet_token}\"\n}}\n"
    )
}

/// The settings of one of several servers; `dir` is its directory.
pub(crate) fn of_this_member(settings: &ServerSettings, member: &Member, dir: &Path) -> String {
    let (name, advertised) = (quoted(member.name.as_str()), quoted(&member.to_string()));
    let listen = quoted(&member.listen().to_string());
    let others = settings.members.iter().filter(|other| *other != member);
    let routes: Vec<_> = others
        .map(|other| quoted(&format!("nats-route://{other}")))
        .collect();
    let routes = routes.join(", ");
    let [cert, key, ca] =
        ["routes.crt", "routes.key", "routes-ca.crt"].map(|file| path(&dir.join(file)));
    format!(
        "\n# One of several servers.\n\
         server_name: {name}\n\
         cluster {{\n  \
           name: \"multi-cluster-aggregator\"\n  \
           listen: {listen}\n  \
           advertise: {advertised}\n  \
           # Clients are given all servers by their operator, under the names that are in the certificate.\n  \
           no_advertise: true\n  \
           routes: [{routes}]\n  \
           # Each shows the other a certificate of the authority that was made for this bus alone.\n  \
           tls {{ cert_file: {cert}, key_file: {key}, ca_file: {ca}, verify: true, timeout: 5, min_version: \"1.3\" }}\n\
         }}\n"
    )
}

/// The server picks a free port for -1.
fn port_or_any(address: SocketAddr) -> String {
    match address.port() {
        0 => format!("{}:-1", address.ip()),
        _ => address.to_string(),
    }
}

fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// The server supports the JSON escapes that a path can need.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
