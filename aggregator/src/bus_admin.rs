//! What the operator of the bus does at the command line, without a running aggregator: its keys, and credentials for people.

use std::io::Write as _;
use std::path::{Path, absolute};

use anyhow::Result;
use bus_keys::{
    CredentialName, DirectoryError, Inbox, PeopleKeys, Permit, Role, ServerSettings, private_file,
    renew_aggregator,
};
use jiff::Timestamp;

use crate::args::{BusCreds, BusInit, BusRenew};

/// `aggregator bus init`
///
/// # Errors
/// When some keys exist already, or all and `--keep` was not given, or the files cannot be written.
pub fn init(args: &BusInit) -> Result<()> {
    let settings = ServerSettings {
        listen: args.listen,
        store: match &args.store_dir {
            Some(dir) => absolute(dir)?,
            None => absolute(&args.dir)?.join("store"),
        },
        tls: match (&args.tls_cert, &args.tls_key) {
            (Some(cert), Some(key)) => Some((absolute(cert)?, absolute(key)?)),
            _ => None,
        },
        websocket: args.websocket,
        members: args.servers.clone(),
    };
    settings.check()?;
    match bus_keys::init(&args.dir, &settings, Timestamp::now()) {
        Err(DirectoryError::Complete { dir }) if args.keep => {
            return say(&format!("{}: kept\n", dir.display()));
        }
        made => made?,
    };
    let dir = |role: Role| args.dir.join(role.dir()).display().to_string();
    let (operator, server) = (dir(Role::Operator), dir(Role::Server));
    let (whom, config) = match args.servers.is_empty() {
        true => ("the nats-server", format!("{server}/nats-server.conf")),
        false => (
            "the nats-servers, each with a directory of its name",
            format!("{server}/NAME/nats-server.conf"),
        ),
    };
    say(&format!(
        "{operator}: makes all other keys. Back it up and move it off this machine; `aggregator bus creds` needs it.\n\
         {server}: for {whom}: nats-server -c {config}\n\
         {aggregator}: for the aggregator: aggregator serve --bus-keys {aggregator} …\n",
        aggregator = dir(Role::Aggregator),
    ))
}

/// `aggregator bus creds`
///
/// # Errors
/// When the keys cannot be read, or the credentials not be written.
pub fn creds(args: &BusCreds) -> Result<()> {
    let keys = PeopleKeys::open(&args.keys)?;
    let now = Timestamp::now();
    let expires_at = now + args.expires;
    let made_up = || format!("cli-{:08x}", rand::random::<u32>()).parse();
    let name = args.name.clone().map_or_else(made_up, Ok)?;
    let (user, text) = if args.admin {
        keys.administrator(&name, expires_at, now)
    } else {
        keys.credentials(&permit(args, &name, expires_at), now)
    };
    match &args.out {
        Some(file) => Ok(private_file(file, text.expose())?),
        None => say(text.expose()),
    }?;
    let prefix = name.inbox_prefix();
    let file = args.out.as_deref().unwrap_or(Path::new("FILE")).display();
    // To standard error, since the credentials may have gone to standard output.
    let hint = format!(
        "use them as: nats --creds {file} --inbox-prefix {prefix} …\n\
         valid until {expires_at:.0}; to revoke them earlier: aggregator bus revoke {user} --expires-at {expires_at:.0}\n"
    );
    Ok(std::io::stderr().write_all(hint.as_bytes())?)
}

/// `aggregator bus renew`
///
/// # Errors
/// When the keys cannot be read, or the credentials not be written.
pub fn renew(args: &BusRenew) -> Result<()> {
    let old = renew_aggregator(&args.keys, &args.bus_keys, Timestamp::now())?;
    say("renewed; once every aggregator has them, revoke the old ones:\n")?;
    old.iter()
        .try_for_each(|user| say(&format!("aggregator bus revoke {user}\n")))
}

fn permit(args: &BusCreds, name: &CredentialName, expires_at: Timestamp) -> Permit {
    Permit {
        name: name.clone(),
        clusters: args.clusters.clone(),
        verbs: args.verbs.clone(),
        may_list_agents: args.list_agents,
        may_see_runs: args.runs,
        inbox: Inbox::Own,
        expires_at: Some(expires_at),
    }
}

fn say(text: &str) -> Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
