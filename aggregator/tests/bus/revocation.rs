use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{ConnectErrorKind, ConnectOptions, jetstream};
use bus_keys::{CredentialRequest, Credentials, Key, Kind, UserKey, private_file, user_of};
use bus_link::Servers;
use bus_schema::ClusterName;
use enrolment::{
    BusAccount, ClusterCredentials, CredentialIssuer, Enrolled, EnrolmentError, IssuedCredential,
};
use storage::bus::Bus;
use xtask::condition;
use xtask::nats_server::NatsServer;

use crate::party::{PATIENCE, Party, server};

pub async fn enrolment(server: &NatsServer) -> CredentialIssuer {
    let (keys, servers) = (server.keys(), Servers::new(&server.url(), None));
    let servers = servers.expect("an address");
    let account = BusAccount::open(&servers, &keys.aggregator_dir(), None)
        .await
        .expect("keys");
    let bus = Bus::connect(&servers, Some(&keys.aggregator_creds()))
        .await
        .expect("keys");
    let up = async || Ok((bus.is_up() && account.system().is_up()).then_some(()));
    let up = condition::met("both links", PATIENCE, up).await;
    up.expect("they stand");
    let jetstream = jetstream::new(bus.client().clone());
    condition::met("the bucket", PATIENCE, async || {
        Ok(CredentialIssuer::open(account.clone(), &jetstream, 1)
            .await
            .ok())
    })
    .await
    .expect("it opens")
}

fn cluster(name: &str) -> ClusterName {
    name.parse().expect("a name")
}

fn text(enrolled: &Enrolled) -> &str {
    match &enrolled.credential {
        IssuedCredential::Credentials(secret) => secret.expose(),
        IssuedCredential::Token(token) => panic!("{token:?}"),
    }
}

async fn revoke(
    enrolment: &CredentialIssuer,
    cluster: &ClusterName,
    key: Option<&UserKey>,
) -> Result<Vec<UserKey>, EnrolmentError> {
    enrolment.revoke(cluster, key, async |_| Ok(())).await
}

async fn connect(server: &NatsServer, creds: &str) -> Result<async_nats::Client, ConnectErrorKind> {
    let options = ConnectOptions::with_credentials(creds).expect("credentials");
    // One attempt: a client that was accepted and then disconnected must not reconnect by itself.
    let connected = options.max_reconnects(1).connect(server.url()).await;
    connected.map_err(|error| error.kind())
}

#[tokio::test]
async fn a_revoked_agent_is_cut_off_within_a_second_and_others_are_not() {
    let (mut server, _dir) = server().await;
    let enrolment = enrolment(&server).await;
    let b = enrolment
        .enroll(&cluster("cluster-b"), None, "ana")
        .await
        .unwrap();
    let client_b = connect(&server, text(&b)).await.unwrap();

    // The fastest of a few: the machine may pause.
    let mut took = Vec::new();
    let a = loop {
        let name = cluster(&format!("cluster-a{}", took.len()));
        let a = enrolment.enroll(&name, None, "ana").await.unwrap();
        let client_a = connect(&server, text(&a)).await.unwrap();
        let begun = Instant::now();
        let revoked = revoke(&enrolment, &name, None).await.unwrap();
        let answered = begun.elapsed();
        assert_eq!(revoked, std::slice::from_ref(&a.public_key));
        let cut = async || Ok((client_a.connection_state() != State::Connected).then_some(()));
        condition::met("the agent is disconnected", PATIENCE, cut)
            .await
            .unwrap();
        let cut_off = begun.elapsed();
        println!("revocation: answered after {answered:?}, cut off after {cut_off:?}");
        if cut_off < Duration::from_secs(1) {
            break a;
        }
        took.push(cut_off);
        assert!(took.len() < 3, "{took:?}");
    };

    let refused = Err(ConnectErrorKind::AuthorizationViolation);
    assert_eq!(connect(&server, text(&a)).await.map(drop), refused);
    assert_eq!(client_b.connection_state(), State::Connected);
    assert_eq!(
        client_b
            .statistics()
            .connects
            .load(std::sync::atomic::Ordering::Relaxed),
        1
    );

    server.kill().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(
        connect(&server, text(&a)).await.map(drop),
        refused,
        "after a restart too"
    );
    connect(&server, text(&b)).await.unwrap();
}

#[tokio::test]
async fn a_cluster_has_two_credentials_at_most_and_one_can_replace_the_other() {
    let (server, _dir) = server().await;
    let enrolment = enrolment(&server).await;
    let name = cluster("cluster-a");
    let old = enrolment.enroll(&name, None, "ana").await.unwrap();
    let new = enrolment.enroll(&name, None, "ana").await.unwrap();
    let third = enrolment.enroll(&name, None, "ana").await.unwrap_err();
    assert!(
        matches!(third, EnrolmentError::TooManyCredentials { .. }),
        "{third}"
    );
    assert!(
        third.to_string().contains(old.public_key.as_str()),
        "{third}"
    );

    revoke(&enrolment, &name, Some(&old.public_key))
        .await
        .unwrap();
    assert!(connect(&server, text(&old)).await.is_err());
    connect(&server, text(&new)).await.unwrap();
    enrolment.enroll(&name, None, "ana").await.unwrap();

    let unknown = revoke(&enrolment, &name, Some(&old.public_key))
        .await
        .unwrap_err();
    assert!(
        matches!(unknown, EnrolmentError::CredentialUnknown { .. }),
        "{unknown}"
    );
}

#[tokio::test]
async fn what_breaks_off_after_locking_out_can_be_done_again() {
    let (server, _dir) = server().await;
    let enrolment = enrolment(&server).await;
    let name = cluster("cluster-a");
    let enrolled = enrolment.enroll(&name, None, "ana").await.unwrap();
    let broken = async |_: &ClusterCredentials| Err(EnrolmentError::Contended);
    let refused = enrolment.revoke(&name, None, broken).await.unwrap_err();
    assert!(matches!(refused, EnrolmentError::Contended), "{refused}");
    assert!(connect(&server, text(&enrolled)).await.is_err());
    let again = revoke(&enrolment, &name, None).await.unwrap();
    assert_eq!(again, [enrolled.public_key]);
}

#[tokio::test]
async fn a_private_key_may_stay_in_its_cluster_and_is_never_enrolled_again_once_revoked() {
    let (server, dir) = server().await;
    let enrolment = enrolment(&server).await;
    let (name, key) = (cluster("cluster-a"), Key::generate(Kind::User));
    let request = CredentialRequest::sign(&key, "cluster-a");
    let enrolled = enrolment
        .enroll(&name, Some(&request), "ana")
        .await
        .unwrap();
    let IssuedCredential::Token(token) = enrolled.credential else {
        panic!("a private key was made");
    };
    let file = dir.path().join("agent.creds");
    private_file(&file, Credentials::text(&token, &key).expose()).unwrap();
    let agent = Party::with(&server, &file, "_INBOX_agent").await;
    assert_eq!(agent.client.connection_state(), State::Connected);

    let thief = Key::generate(Kind::User);
    let stolen = Credentials::text(&token, &thief);
    assert!(
        connect(&server, stolen.expose()).await.is_err(),
        "a token without its key"
    );

    revoke(&enrolment, &name, None).await.unwrap();
    let again = enrolment
        .enroll(&name, Some(&request), "ana")
        .await
        .unwrap_err();
    assert!(matches!(again, EnrolmentError::KeyRevoked), "{again}");
    enrolment.enroll(&name, None, "ana").await.unwrap();
}

/// A user who could enroll somebody else's key could revoke it by revoking the cluster.
#[tokio::test]
async fn nobody_is_revoked_by_enrolling_their_key_for_another_cluster() {
    let (server, _dir) = server().await;
    let enrolment = enrolment(&server).await;
    let (a, b) = (cluster("cluster-a"), cluster("cluster-b"));
    let (key, thief) = (Key::generate(Kind::User), Key::generate(Kind::User));
    let own = CredentialRequest::sign(&key, "cluster-a");
    let enrolled = enrolment.enroll(&a, Some(&own), "ana").await.unwrap();
    let IssuedCredential::Token(token) = enrolled.credential else {
        panic!("a private key was made");
    };
    let agent = Credentials::text(&token, &key);

    // The request of another cluster, and another's key with one's own signature.
    let signature = CredentialRequest::sign(&thief, "cluster-b").to_string();
    let signature = signature.split_once('.').unwrap().1;
    for public_key in [
        key.public(),
        public_key_in(&server.keys().aggregator_creds()),
    ] {
        let forged = format!("{public_key}.{signature}").parse().unwrap();
        for request in [&own, &forged] {
            let refused = enrolment.enroll(&b, Some(request), "eve").await;
            let refused = refused.unwrap_err();
            assert!(matches!(refused, EnrolmentError::NotProven(_)), "{refused}");
        }
    }
    // Not even its holder may use one key for two clusters: anyone who may revoke one cluster could revoke the other.
    let second = CredentialRequest::sign(&key, "cluster-b");
    let refused = enrolment.enroll(&b, Some(&second), "ana").await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, EnrolmentError::KeyOfAnotherCluster { holder } if *holder == a),
        "{refused}"
    );
    let nothing = revoke(&enrolment, &b, None).await.unwrap();
    assert_eq!(nothing, []);
    connect(&server, agent.expose()).await.unwrap();
}

fn public_key_in(creds: &std::path::Path) -> String {
    user_of(creds).expect("credentials").to_string()
}

/// Each writes the whole account's token: neither may undo the other's change.
#[tokio::test]
async fn revocations_at_the_same_time_all_count() {
    let (server, _dir) = server().await;
    let replicas = [enrolment(&server).await, enrolment(&server).await];
    let mut credentials = Vec::new();
    for number in 0..6 {
        let name = cluster(&format!("cluster-{number}"));
        credentials.push((replicas[0].enroll(&name, None, "ana").await.unwrap(), name));
    }
    let revoking = credentials.iter().enumerate().map(|(number, (_, name))| {
        let replica = &replicas[number % 2];
        revoke(replica, name, None)
    });
    for revoked in futures::future::join_all(revoking).await {
        assert_eq!(revoked.unwrap().len(), 1);
    }
    for (enrolled, name) in &credentials {
        assert!(connect(&server, text(enrolled)).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn a_revoked_or_unknown_credential_is_not_renewed_and_each_cluster_has_its_own() {
    let (server, _dir) = server().await;
    let enrolment = enrolment(&server).await;
    let (a, b) = (cluster("cluster-a"), cluster("cluster-b"));
    let mut keys: Vec<UserKey> = Vec::new();
    for _ in 0..2 {
        let enrolled = enrolment.enroll(&a, None, "ana").await.unwrap();
        keys.push(enrolled.public_key);
    }
    enrolment.renew(&a, &keys[0]).await.unwrap();
    let foreign = enrolment.renew(&b, &keys[0]).await.unwrap_err();
    assert!(matches!(foreign, EnrolmentError::CredentialUnknown { .. }));

    // Recorded as revoked while its record still exists: as during a revocation.
    let broken = async |_: &ClusterCredentials| Err(EnrolmentError::Contended);
    let under_way = enrolment.revoke(&a, Some(&keys[0]), broken).await;
    under_way.unwrap_err();
    let revoked = enrolment.renew(&a, &keys[0]).await.unwrap_err();
    assert!(matches!(revoked, EnrolmentError::KeyRevoked), "{revoked}");
    enrolment.renew(&a, &keys[1]).await.unwrap();
    let done = enrolment.revoke(&a, Some(&keys[0]), async |_| Ok(())).await;
    assert_eq!(done.unwrap(), keys[..1]);
    let gone = enrolment.renew(&a, &keys[0]).await.unwrap_err();
    assert!(matches!(gone, EnrolmentError::CredentialUnknown { .. }));
}
