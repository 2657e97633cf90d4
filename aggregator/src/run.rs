//! From a command line to a running service, and back.

use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use async_nats::jetstream;
use bus_keys::AggregatorKeys;
use bus_schema::AllowedVerbs;
use bus_schema::timing::DRAIN_WITHIN;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::args::{Serve, Sign};
use crate::records::{self, UnreadableRecords};
use aggregator_http::app::{App, AppState};
use aggregator_http::authentication::{Authenticators, SessionAuthenticator};
use aggregator_http::dropped_cookie::DroppedCookie;
use aggregator_http::front::Front;
use aggregator_http::listener::{self, ConnectionCounts};
use aggregator_http::public_url::{Links, PublicUrl};
use aggregator_http::routes;
use aggregator_http::session_cookie::SessionCookie;
use aggregator_http::trusted_proxies::TrustedProxies;
use diagnostics::Conditions;
use diagnostics::Metrics;
use enrolment::signer::{SignerServer, SigningKeys};
use enrolment::{
    Agent, BusAccount, agent_ca, reconcile_account, renew_credentials, watch_presence,
};
use fleet::Protection;
use identity::Identity;
use identity::sessions::end_stale_sessions;
use identity::users::Users;
use runs::{Runs, carry_out_runs};
use storage::bus::{Bus, BusClock};
use storage::watch_stream_levels;

mod cluster_services;
mod listen;
mod stores;
mod webhooks;

use cluster_services::ClusterServices;
use stores::Stores;
use webhooks::Webhooks;

/// Serves until `stop` resolves, then ends what is under way. It listens at once: that it waits for the bus is an answer, too.
///
/// # Errors
/// When the users, the address or what is stored in JetStream cannot be used.
pub async fn serve(mut args: Serve, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let listener = listen::on(args.listen, TcpListener::bind)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    args.listen = listener.local_addr()?;
    info!(address = %args.listen, "listening");
    let (ready, listening) = (Arc::new(OnceLock::new()), CancellationToken::new());
    let front = Front::new(args.ui_dir.clone(), args.public_url.as_ref())?;
    let router = front.before(routes::once_ready(Arc::clone(&ready)));
    let counts = ConnectionCounts::default();
    let settings = listener::Settings {
        per_address: args.http.connections_per_address,
        trusted_proxies: TrustedProxies::new(args.http.trusted_proxies.clone()),
        idle_within: args.http.idle_timeout,
        counts: counts.clone(),
    };
    let serving = listener::serve(listener, router, settings, listening.clone());
    let serving = tokio::spawn(serving);
    tokio::pin!(stop);
    let app = tokio::select! {
        app = start_counted(args, &counts) => app?,
        () = &mut stop => return Ok(()),
    };
    let router = routes::router(app.clone());
    ready.set(router).expect("it is set here alone");
    info!("serving");
    stop.await;
    info!("stopping");
    app.stopping.cancel();
    listening.cancel();
    let ended = async {
        let (_, ()) = tokio::join!(serving, app.journal.finish());
        app.audit.finish().await;
    };
    if tokio::time::timeout(DRAIN_WITHIN, ended).await.is_err() {
        warn!("stopped before all requests were answered");
    }
    Ok(())
}

/// Signs for a `serve` of this machine until `stop` resolves.
///
/// # Errors
/// When the keys cannot be used or the socket cannot be made.
pub async fn sign(args: &Sign, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let keys = AggregatorKeys::open_signing_keys(&args.bus_keys)?;
    let keys = SigningKeys::new(keys, args.agent_credentials.lifetime);
    let server = SignerServer::bind(keys, &args.signer)?;
    tokio::select! {
        () = server.run() => {}
        () = stop => {}
    }
    Ok(())
}

/// Everything but the listener: connects, opens what is stored, and begins to listen for heartbeats.
///
/// # Errors
/// When the users or what is stored in JetStream cannot be used. While the bus is unreachable it waits.
pub async fn start(args: Serve) -> anyhow::Result<App> {
    start_counted(args, &ConnectionCounts::default()).await
}

async fn start_counted(args: Serve, connections: &ConnectionCounts) -> anyhow::Result<App> {
    let Serve {
        listen,
        public_url,
        allow_insecure_links,
        bus: address,
        nats_creds,
        bus_keys,
        signer,
        agent_nats_url,
        agent_nats_ca,
        agent_image,
        users,
        ui_dir: _,
        cookie_secure,
        http,
        protected_clusters,
        protected_namespaces,
        jetstream_replicas,
        inventory_interval,
        notifications,
        agent_credentials,
        log_format: _,
    } = args;
    let webhooks = Webhooks::read(notifications.as_deref(), public_url.as_ref())?;
    let mut trusted_origins = http.trusted_origins;
    trusted_origins.extend(public_url.as_ref().and_then(PublicUrl::origin));
    let links = Links::new(public_url, listen, allow_insecure_links);
    if let Some(warning) = links.warning() {
        warn!("{warning}");
    }
    let conditions = Conditions::default();
    let users = Users::open(users, conditions.clone()).await?;
    let servers = address.servers()?;
    let agent_ca = agent_ca(agent_nats_ca.as_ref().or(address.nats_ca.as_ref()))?;
    let account = match &bus_keys {
        Some(dir) => Some(BusAccount::open(&servers, dir, signer.as_deref()).await?),
        None => None,
    };
    let nats_creds =
        nats_creds.or_else(|| bus_keys.as_deref().map(AggregatorKeys::aggregator_creds));
    let bus = Bus::connect(&servers, nats_creds.as_deref()).await?;
    let account_key = bus.account().map(str::to_owned);
    let unasked = Bus::connect_as("aggregator unasked", &servers, nats_creds.as_deref()).await?;
    // On the heap, as in `storage`: it is large.
    let clock = BusClock::default();
    let stores = Box::pin(Stores::open(
        &bus,
        account.as_ref(),
        jetstream_replicas,
        &clock,
    ))
    .await?;
    clock.compare(&bus).await;
    let unreadable = UnreadableRecords::new(conditions.clone());
    records::watch(&jetstream::new(bus.client().clone()), &unreadable);
    let metrics = Metrics::new(stores.audit.failures(), |registry| {
        connections.register(registry);
        unreadable.register(registry);
        webhooks.metrics.register(registry);
    });
    webhooks.start(&stores.runs, &clock, &conditions)?;
    tokio::spawn(clock.follow(bus.clone(), conditions.clone(), metrics.clone()));
    tokio::spawn(watch_stream_levels(
        jetstream::new(bus.client().clone()),
        metrics.clone(),
        conditions.clone(),
    ));
    let protection = Protection {
        clusters: protected_clusters,
        namespaces: protected_namespaces,
    };
    let services = ClusterServices::new((bus, unasked), &stores, &metrics, protection);
    let issuer = stores.issuer.map(|(issuer, invitations)| {
        let issuer = issuer.with_lifetime(agent_credentials.lifetime);
        (issuer, invitations)
    });
    if let Some((issuer, _)) = &issuer {
        tokio::spawn(reconcile_account(
            issuer.clone(),
            conditions.clone(),
            metrics.clone(),
        ));
    }
    let enrolment = services.enrolment(issuer);
    if let Some(account) = account {
        tokio::spawn(watch_presence(Arc::clone(&services.registry), account));
    }
    Box::pin(services.start(inventory_interval)).await?;
    tokio::spawn(renew_credentials(
        enrolment.clone(),
        services.renewal_requests(),
    ));
    tokio::spawn(stores.audit.clone().write_sums());
    let runs = Arc::new(Runs::new(
        stores.runs,
        (Arc::clone(&services.fleet), Arc::clone(&services.queries)),
        Arc::clone(&services.registry),
        stores.journal.clone(),
        users.clone(),
        Arc::clone(&services.change_limit),
    ));
    tokio::spawn(carry_out_runs(Arc::clone(&runs)));
    let cookie = if cookie_secure {
        SessionCookie::SECURE
    } else {
        SessionCookie::PLAIN
    };
    let cookie = cookie.of(account_key.as_deref());
    let identity = Identity::new(users, stores.sessions);
    let (users, sessions) = (identity.users.clone(), identity.sessions.clone());
    tokio::spawn(end_stale_sessions(sessions.clone(), users.clone()));
    let sessions = SessionAuthenticator::new(users, sessions, cookie, services.registry.labels());
    Ok(Arc::new(AppState {
        fleet: services.fleet,
        queries: services.queries,
        logs: services.logs,
        registry: services.registry,
        labels: services.labels,
        runs,
        link: services.link,
        journal: stores.journal,
        idempotency_keys: stores.idempotency_keys,
        change_limit: services.change_limit,
        enrolment,
        audit: stores.audit,
        conditions,
        metrics,
        agents: Agent {
            nats_url: agent_nats_url.unwrap_or(address.nats_url),
            nats_ca: agent_ca,
            image: agent_image,
            verbs: AllowedVerbs::default(),
        },
        links,
        identity,
        authenticators: Authenticators::new(vec![Box::new(sessions)]),
        cookie,
        dropped_cookie: DroppedCookie::default(),
        trusted_proxies: TrustedProxies::new(http.trusted_proxies),
        trusted_origins,
        stopping: CancellationToken::new(),
    }))
}
