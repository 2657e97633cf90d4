//! From a command line to a running service, and back.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream;
use bus_keys::AggregatorKeys;
use bus_schema::timing::DRAIN_WITHIN;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::args::{Serve, Sign};
use crate::records::{self, UnreadableRecords};
use aggregator_http::app::{App, AppState};
use aggregator_http::authentication::{Authenticators, SessionAuthenticator};
use aggregator_http::listener::{self, ConnectionCounts};
use aggregator_http::public_url::Links;
use aggregator_http::routes;
use aggregator_http::session_cookie::SessionCookie;
use aggregator_http::trusted_proxies::TrustedProxies;
use aggregator_http::ui;
use audit::Audit;
use diagnostics::Conditions;
use diagnostics::Metrics;
use enrolment::signer::{SignerServer, SigningKeys};
use enrolment::{
    Agent, CredentialIssuer, Enrolment, Gate, Invitations, agent_ca, reconcile_account,
    renew_credentials, watch_presence,
};
use fleet::inventory::Inventory;
use fleet::journal::{self, Journal};
use fleet::{self, Clusters, Fleet, Heartbeats};
use identity::Identity;
use identity::sessions::Sessions;
use identity::users::Users;
use storage::StoreError;
use storage::bus::{Bus, BusClock};
use storage::watch_stream_levels;

/// Serves until `stop` resolves, then ends what is under way. It listens at once: that it waits for the bus is an answer, too.
///
/// # Errors
/// When the users, the address or what is kept in JetStream cannot be used.
pub async fn serve(mut args: Serve, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    args.listen = listener.local_addr()?;
    info!(address = %args.listen, "listening");
    let (ready, listening) = (Arc::new(OnceLock::new()), CancellationToken::new());
    let mut router = routes::once_ready(Arc::clone(&ready));
    if let Some(dir) = &args.ui_dir {
        router = ui::beside(router, dir);
    }
    let counts = ConnectionCounts::default();
    let settings = listener::Settings {
        per_address: args.connections_per_address,
        trusted_proxies: TrustedProxies::new(args.trusted_proxies.clone()),
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
        let (_, ()) = tokio::join!(serving, app.fleet.finish_writes());
        app.audit.finish().await;
    };
    if tokio::time::timeout(DRAIN_WITHIN, ended).await.is_err() {
        warn!("stopped before all calls were answered");
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

/// Everything but the listener: connects, opens what is kept, and begins to listen for heartbeats.
///
/// # Errors
/// When the users or what is kept in JetStream cannot be used. While the bus is away it waits.
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
        trusted_proxies,
        connections_per_address: _,
        jetstream_replicas,
        inventory_interval,
        agent_credentials,
        log_format: _,
    } = args;
    let links = Links::new(public_url, listen, allow_insecure_links);
    if let Some(warning) = links.warning() {
        warn!("{warning}");
    }
    let conditions = Conditions::default();
    let users = Users::open(users, conditions.clone()).await?;
    let servers = address.servers()?;
    let agent_ca = agent_ca(agent_nats_ca.as_ref().or(address.nats_ca.as_ref()))?;
    let gate = match &bus_keys {
        Some(dir) => Some(Gate::open(&servers, dir, signer.as_deref()).await?),
        None => None,
    };
    let nats_creds =
        nats_creds.or_else(|| bus_keys.as_deref().map(AggregatorKeys::aggregator_creds));
    let bus = Bus::connect(&servers, nats_creds.as_deref()).await?;
    let unasked = Bus::connect_as("aggregator unasked", &servers, nats_creds.as_deref()).await?;
    // On the heap, as in `storage`: it is large.
    let clock = BusClock::default();
    let kept = Box::pin(Kept::open(&bus, gate.as_ref(), jetstream_replicas, &clock)).await?;
    clock.compare(&bus).await;
    let unreadable = UnreadableRecords::new(conditions.clone());
    records::watch(&jetstream::new(bus.client().clone()), &unreadable);
    let metrics = Metrics::new(kept.audit.failures(), |registry| {
        connections.register(registry);
        unreadable.register(registry);
    });
    tokio::spawn(clock.follow(bus.clone(), conditions.clone(), metrics.clone()));
    tokio::spawn(watch_stream_levels(
        jetstream::new(bus.client().clone()),
        metrics.clone(),
        conditions.clone(),
    ));
    let fleet = Arc::new(Fleet::new(
        (bus, unasked),
        kept.journal.clone(),
        kept.inventory,
        kept.clusters.clone(),
        metrics.clone(),
    ));
    let issuer = kept.issuer.map(|(issuer, invitations)| {
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
    let enrolment = Enrolment::new(Arc::clone(&fleet), issuer);
    if let Some(gate) = gate {
        tokio::spawn(watch_presence(Arc::clone(fleet.registry()), gate));
    }
    tokio::spawn(fleet::follow_forgotten(
        Arc::clone(&fleet),
        kept.clusters.clone(),
    ));
    Box::pin(kept.clusters.restore(fleet.registry())).await?;
    tokio::spawn(fleet::follow_labels(
        kept.clusters,
        Arc::clone(fleet.registry()),
    ));
    fleet::receive_responses(Arc::clone(&fleet)).await;
    tokio::spawn(Heartbeats::of(&fleet).receive());
    tokio::spawn(fleet::hear_changes(Arc::clone(&fleet)));
    tokio::spawn(fleet::watch_time(Arc::clone(fleet.registry())));
    tokio::spawn(fleet::watch_link(Arc::clone(&fleet)));
    tokio::spawn(fleet::keep_inventory(
        Arc::clone(&fleet),
        inventory_interval,
    ));
    tokio::spawn(journal::reconcile(kept.journal, Arc::clone(&fleet)));
    tokio::spawn(renew_credentials(enrolment.clone()));
    tokio::spawn(kept.audit.clone().write_sums());
    let cookie = if cookie_secure {
        SessionCookie::Secure
    } else {
        SessionCookie::Plain
    };
    let identity = Identity::new(users, kept.sessions);
    let (users, sessions) = (identity.users.clone(), identity.sessions.clone());
    let sessions = SessionAuthenticator::new(users, sessions, cookie, fleet.registry().labels());
    Ok(Arc::new(AppState {
        fleet,
        enrolment,
        audit: kept.audit,
        conditions,
        metrics,
        agents: Agent {
            nats_url: agent_nats_url.unwrap_or(address.nats_url),
            nats_ca: agent_ca,
            image: agent_image,
        },
        links,
        identity,
        authenticators: Authenticators::new(vec![Box::new(sessions)]),
        cookie,
        trusted_proxies: TrustedProxies::new(trusted_proxies),
        stopping: CancellationToken::new(),
    }))
}

/// What is kept in JetStream.
struct Kept {
    audit: Audit,
    journal: Journal,
    inventory: Inventory,
    clusters: Clusters,
    sessions: Sessions,
    issuer: Option<(CredentialIssuer, Invitations)>,
}

impl Kept {
    /// Opens all of it; waits for as long as the bus is away.
    async fn open(
        bus: &Bus,
        gate: Option<&Gate>,
        replicas: usize,
        clock: &BusClock,
    ) -> Result<Self, StoreError> {
        loop {
            match Self::open_once(bus, gate, replicas, clock).await {
                Err(error @ StoreError::NotOpened { .. }) => {
                    warn!(error = %anyhow::Error::from(error), "waiting for JetStream");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                done => return done,
            }
        }
    }

    async fn open_once(
        bus: &Bus,
        gate: Option<&Gate>,
        replicas: usize,
        clock: &BusClock,
    ) -> Result<Self, StoreError> {
        let jetstream = jetstream::new(bus.client().clone());
        let issuer = match gate {
            Some(gate) => {
                // First of all: the permissions to open the rest may be among them.
                gate.bring_permissions_up_to_date().await;
                let issuer = CredentialIssuer::open(gate.clone(), &jetstream, replicas).await?;
                Some((issuer, Invitations::open(&jetstream, replicas).await?))
            }
            None => None,
        };
        let audit = Audit::open(&jetstream, replicas, clock.clone()).await?;
        Ok(Self {
            journal: Journal::open(&jetstream, replicas, audit.clone(), clock.clone()).await?,
            audit,
            inventory: Inventory::open(&jetstream, replicas).await?,
            clusters: Clusters::open(&jetstream, replicas).await?,
            sessions: Sessions::open(&jetstream, replicas).await?,
            issuer,
        })
    }
}
