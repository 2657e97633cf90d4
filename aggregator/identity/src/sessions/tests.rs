//! Against a real nats-server.

use tempfile::TempDir;
use xtask::condition;
use xtask::nats_server::NatsServer;

use super::*;
use crate::password::StoredHash;
use storage::MARKERS_LAST;

const SOON: Duration = Duration::from_secs(10);

struct Bus {
    server: NatsServer,
    dir: TempDir,
}

async fn bus() -> Bus {
    let dir = tempfile::tempdir().expect("a directory");
    let server = NatsServer::start(dir.path()).await.expect("nats-server");
    Bus { server, dir }
}

impl Bus {
    /// A connection of its own, as another replica has.
    async fn jetstream(&self) -> Context {
        let creds = self.server.keys().aggregator_creds();
        let options = async_nats::ConnectOptions::with_credentials_file(creds).await;
        let options = options
            .expect("credentials")
            .custom_inbox_prefix("_INBOX_aggregator")
            .reconnect_delay_callback(|_| Duration::from_millis(50));
        let client = options.connect(self.server.url()).await;
        async_nats::jetstream::new(client.expect("a connection"))
    }

    async fn replica(&self) -> Sessions {
        self.replica_with(SESSIONS).await
    }

    async fn replica_with(&self, spec: BucketSpec) -> Sessions {
        let opened = Sessions::open_as(&self.jetstream().await, spec, 1).await;
        opened.expect("the bucket opens")
    }
}

fn ana() -> User {
    User {
        name: "ana".to_owned(),
        password_hash: StoredHash::decoy(None),
        grants: Arc::default(),
    }
}

async fn soon(what: &str, sessions: &Sessions, token: &Token, there: bool) {
    let looked = condition::met(what, SOON, async || {
        Ok((sessions.find(token).is_some() == there).then_some(()))
    });
    looked.await.expect(what);
}

#[tokio::test]
async fn a_session_holds_at_once_and_ends_at_once_on_every_replica() {
    let bus = bus().await;
    let (here, there) = (bus.replica().await, bus.replica().await);
    let (token, lasts) = here.create(&ana()).await.unwrap();
    assert_eq!(lasts, LASTS);
    assert_eq!(here.find(&token).unwrap().session.user, "ana");
    soon("seen by the other replica", &there, &token, true).await;

    let handle = there.find(&token).unwrap();
    here.revoke(&token).await.unwrap();
    assert!(here.find(&token).is_none());
    tokio::time::timeout(SOON, handle.lifetime.ended())
        .await
        .unwrap();
    assert!(there.find(&token).is_none());
    here.revoke(&token).await.unwrap();
}

#[tokio::test]
async fn the_marker_of_a_session_that_was_signed_out_expires() {
    let bus = bus().await;
    let sessions = bus.replica().await;
    let (token, _) = sessions.create(&ana()).await.unwrap();
    assert!(sessions.revoke(&token).await.unwrap());
    assert!(!sessions.revoke(&token).await.unwrap());
    let key = format!("$KV.sessions.{}", token.key().as_str());
    let jetstream = bus.jetstream().await;
    let stream = jetstream.get_stream(SESSIONS.stream()).await.unwrap();
    let marker = stream.get_last_raw_message_by_subject(&key);
    let marker = marker.await.unwrap();
    let ttl = marker.headers.get("Nats-TTL").expect("it expires").as_str();
    assert_eq!(
        ttl.trim_end_matches('s'),
        MARKERS_LAST.as_secs().to_string()
    );
}

#[tokio::test]
async fn a_token_of_another_system_is_none_here() {
    let (ours, theirs) = (bus().await, bus().await);
    let (ours, theirs) = (ours.replica().await, theirs.replica().await);
    let (token, _) = theirs.create(&ana()).await.unwrap();
    assert!(ours.find(&token).is_none());
    assert!(ours.find(&Token::mint().unwrap()).is_none());
}

#[tokio::test]
async fn a_replica_that_starts_later_knows_who_is_signed_in() {
    let bus = bus().await;
    let first = bus.replica().await;
    let (valid, _) = first.create(&ana()).await.unwrap();
    let (ended, _) = first.create(&ana()).await.unwrap();
    first.revoke(&ended).await.unwrap();
    let second = bus.replica().await;
    assert!(second.find(&valid).is_some());
    assert!(second.find(&ended).is_none());
}

#[tokio::test]
async fn the_bucket_holds_no_token() {
    let bus = bus().await;
    let sessions = bus.replica().await;
    let (token, _) = sessions.create(&ana()).await.unwrap();
    let store = bus
        .jetstream()
        .await
        .get_key_value(SESSIONS.name)
        .await
        .unwrap();
    let value = store.get(token.key().as_str()).await.unwrap().unwrap();
    let value = String::from_utf8(value.to_vec()).unwrap();
    assert!(value.contains("\"user\":\"ana\""), "{value}");
    assert!(
        !value.contains("mca_") && !value.contains("argon2"),
        "{value}"
    );
    assert!(store.get(token.expose()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_restart_of_the_server_keeps_who_is_signed_in() {
    let mut bus = bus().await;
    let (here, there) = (bus.replica().await, bus.replica().await);
    let (token, _) = here.create(&ana()).await.unwrap();
    soon("seen by the other replica", &there, &token, true).await;

    bus.server.kill().await.unwrap();
    let refused = here.create(&ana()).await.unwrap_err();
    assert_eq!(refused.code, ProblemCode::BusUnavailable);
    assert!(here.find(&token).is_some() && there.find(&token).is_some());

    bus.server.restart().await.unwrap();
    let revoked = condition::met("signed out after the restart", SOON, async || {
        Ok(here.revoke(&token).await.ok())
    });
    revoked.await.unwrap();
    soon("gone from the other replica", &there, &token, false).await;
}

#[tokio::test]
async fn what_ended_without_a_word_while_a_replica_was_cut_off_is_forgotten() {
    let mut bus = bus().await;
    let sessions = bus.replica().await;
    let (token, _) = sessions.create(&ana()).await.unwrap();
    let handle = sessions.find(&token).unwrap();

    // The bucket vanishes with the server, as when its disk is replaced.
    bus.server.kill().await.unwrap();
    std::fs::remove_dir_all(bus.dir.path().join("jetstream")).unwrap();
    bus.server.restart().await.unwrap();
    tokio::time::timeout(SOON, handle.lifetime.ended())
        .await
        .unwrap();
    assert!(sessions.find(&token).is_none());

    let signed_in = condition::met("signed in to the new bucket", SOON, async || {
        Ok(sessions.create(&ana()).await.ok())
    });
    let (token, _) = signed_in.await.unwrap();
    let other = bus.replica().await;
    assert!(other.find(&token).is_some() && sessions.find(&token).is_some());
}

#[tokio::test]
async fn a_session_that_came_of_age_ends_by_the_word_of_the_bucket() {
    let bus = bus().await;
    let short = BucketSpec {
        max_age: Duration::from_secs(2),
        ..SESSIONS
    };
    let mut sessions = bus.replica_with(short).await;
    // Only the bucket knows here how long a session lasts.
    let mirror = Arc::new(Mirror::new(LASTS));
    let watching = Arc::clone(&mirror);
    let watch = sessions.bucket.watch();
    tokio::spawn(watch.run(None, move |event| watching.apply(event)));
    sessions.mirror = mirror;
    let (token, _) = sessions.create(&ana()).await.unwrap();
    let handle = sessions.find(&token).unwrap();
    tokio::time::timeout(SOON, handle.lifetime.ended())
        .await
        .unwrap();
    assert!(sessions.find(&token).is_none());
}

#[tokio::test]
async fn a_bucket_with_other_settings_is_refused_by_its_difference() {
    let bus = bus().await;
    drop(bus.replica().await);
    let longer = BucketSpec {
        max_age: LASTS * 2,
        ..SESSIONS
    };
    let refused = Sessions::open_as(&bus.jetstream().await, longer, 1).await;
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains("max_age is 43200s and should be 86400s"),
        "{text}"
    );
}

#[tokio::test]
async fn one_user_cannot_fill_the_memory() {
    let bus = bus().await;
    let sessions = bus.replica().await;
    let (oldest, _) = sessions.create(&ana()).await.unwrap();
    for _ in 0..PER_USER {
        sessions.create(&ana()).await.unwrap();
    }
    assert!(sessions.find(&oldest).is_none());
}
