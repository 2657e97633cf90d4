//! Credentials that belong to no cluster, a person's and the aggregator's own: revoked and replaced.

use std::path::Path;

use bus_keys::{AggregatorKeys, UserKey, renew_aggregator, user_of};
use bus_link::Servers;
use jiff::Timestamp;
use storage::bus::Bus;
use xtask::condition;
use xtask::nats_server::NatsServer;

use crate::party::{PATIENCE, Party, server};
use crate::people::permit;
use crate::program::{aggregator, said};
use crate::revocation::enrolment;

/// `aggregator bus revoke KEY` with the keys of this server.
async fn revoke(server: &NatsServer, key: &UserKey) -> std::process::Output {
    let keys = server.keys().aggregator_dir();
    let keys = keys.to_str().expect("a path of text");
    let link = ["--nats-url", &server.url(), "--bus-keys", keys];
    aggregator(&[&["bus", "revoke", key.as_str()], &link[..]].concat()).await
}

async fn until_refused(server: &NatsServer, creds: &Path) {
    let refused = async || {
        let options = async_nats::ConnectOptions::with_credentials_file(creds).await?;
        Ok(options.connect(server.url()).await.err())
    };
    let error = condition::met("the credential is refused", PATIENCE, refused).await;
    let error = error.expect("it is refused in the end");
    let kind = async_nats::ConnectErrorKind::AuthorizationViolation;
    assert_eq!(error.kind(), kind, "{error}");
}

#[tokio::test]
async fn only_that_persons_credentials_are_revoked() {
    let (mut server, _dir) = server().await;
    let creds = ["ana", "bob"].map(|name| server.keys().cli_creds(&permit(name)).unwrap());
    let ana = Party::with(&server, &creds[0], "_INBOX.ana").await;
    let bob = Party::with(&server, &creds[1], "_INBOX.bob").await;
    let output = revoke(&server, &user_of(&creds[0]).unwrap()).await;
    assert!(output.status.success(), "{}", said(&output));
    let state = || ana.client.connection_state();
    let cut = async || Ok((state() != async_nats::connection::State::Connected).then_some(()));
    condition::met("ana's stream is ended", PATIENCE, cut)
        .await
        .unwrap();
    until_refused(&server, &creds[0]).await;
    bob.client.flush().await.unwrap();
    assert_eq!(
        bob.client.connection_state(),
        async_nats::connection::State::Connected
    );
    server.restart().await.unwrap();
    until_refused(&server, &creds[0]).await;
}

#[tokio::test]
async fn a_running_aggregator_goes_on_with_new_credentials_when_its_old_ones_are_revoked() {
    let (mut server, dir) = server().await;
    let keys = server.keys().aggregator_dir();
    let files = [
        AggregatorKeys::aggregator_creds(&keys),
        AggregatorKeys::system_creds(&keys),
    ];
    let stolen = files.clone().map(|file| {
        let copy = dir.path().join(file.file_name().expect("a name"));
        std::fs::copy(&file, &copy).unwrap();
        copy
    });
    let mut running = Vec::new();
    for file in &files {
        let servers = Servers::new(&server.url(), None).unwrap();
        let bus = Bus::connect(&servers, Some(file)).await.unwrap();
        condition::met("accepted", PATIENCE, async || Ok(bus.is_up().then_some(())))
            .await
            .unwrap();
        running.push(bus);
    }

    let own = revoke(&server, &user_of(&files[0]).unwrap()).await;
    assert!(!own.status.success());
    assert!(
        said(&own).contains("aggregator bus renew"),
        "{}",
        said(&own)
    );

    let operator = server.keys().operator_dir();
    let directories = [
        "--keys",
        operator.to_str().unwrap(),
        "--bus-keys",
        keys.to_str().unwrap(),
    ];
    let renewed = aggregator(&[&["bus", "renew"], &directories[..]].concat()).await;
    assert!(renewed.status.success(), "{}", said(&renewed));
    for (copy, bus) in stolen.iter().zip(&running) {
        let old = user_of(copy).unwrap();
        assert!(said(&renewed).contains(old.as_str()), "{}", said(&renewed));
        let connects = || {
            bus.client()
                .statistics()
                .connects
                .load(std::sync::atomic::Ordering::Relaxed)
        };
        assert_eq!(connects(), 1);
        let output = revoke(&server, &old).await;
        assert!(output.status.success(), "{}", said(&output));
        let back = async || Ok((connects() > 1 && bus.is_up()).then_some(()));
        condition::met("it recovers by itself", PATIENCE, back)
            .await
            .unwrap();
        until_refused(&server, copy).await;
    }
    server.restart().await.unwrap();
    for copy in &stolen {
        until_refused(&server, copy).await;
    }
}

/// Each writes the whole token of the system account: neither may undo a revocation of the other.
#[tokio::test]
async fn system_credentials_that_are_revoked_at_the_same_time_all_stay_out() {
    let (server, dir) = server().await;
    let (operator, keys) = (server.keys().operator_dir(), server.keys().aggregator_dir());
    let mut stolen = Vec::new();
    for number in 0..6 {
        let copy = dir.path().join(format!("system-{number}.creds"));
        std::fs::copy(AggregatorKeys::system_creds(&keys), &copy).unwrap();
        renew_aggregator(&operator, &keys, Timestamp::now()).unwrap();
        stolen.push((user_of(&copy).unwrap(), copy));
    }
    let replicas = [enrolment(&server).await, enrolment(&server).await];
    let locking = stolen
        .iter()
        .enumerate()
        .map(|(number, (key, _))| replicas[number % 2].revoke_key(key, None));
    for locked in futures::future::join_all(locking).await {
        locked.unwrap();
    }
    for (_, copy) in &stolen {
        let options = async_nats::ConnectOptions::with_credentials_file(copy).await;
        let connected = options.unwrap().connect(server.url()).await;
        assert!(connected.is_err(), "{}", copy.display());
    }
}
