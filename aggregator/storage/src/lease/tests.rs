use super::*;
use async_nats::jetstream;
use bus_keys::streams::BucketSpec;
use bus_schema::ClusterName;
use tempfile::TempDir;
use xtask::nats_server::NatsServer;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Job {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
    done: u32,
}

impl Record for Job {
    const BUCKET: BucketSpec = BucketSpec {
        name: "jobs",
        description: "a job that one replica does",
        history: 1,
        max_age: Duration::ZERO,
        max_bytes: 1024 * 1024,
    };
    type Key = ClusterName;
    const KEY: &'static str = "a job's name";
}

impl Leased for Job {
    const TERM: Duration = Duration::from_secs(15);

    fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    fn lease_mut(&mut self) -> &mut Option<Lease> {
        &mut self.lease
    }
}

const RENEW_EVERY: Duration = Duration::from_secs(5);

#[test]
fn a_lease_holds_until_its_term_has_passed_without_a_new_revision() {
    let start = Instant::now();
    let job = Job {
        lease: Some(Lease::new()),
        done: 0,
    };
    let mut seen = Observed::new(job.clone(), 1, start);
    assert!(seen.is_leased(start));
    assert!(seen.is_leased(start + Job::TERM.saturating_sub(RENEW_EVERY)));
    assert!(!seen.is_leased(start + Job::TERM));
    // Renewed twice, it holds from the last time on.
    for (revision, at) in [(2, RENEW_EVERY), (3, 2 * RENEW_EVERY)] {
        seen = Observed::new(job.clone(), revision, start + at);
    }
    assert!(seen.is_leased(start + 2 * RENEW_EVERY + Job::TERM / 2));
    assert!(!seen.is_leased(start + 2 * RENEW_EVERY + Job::TERM));
    // A clock that was read earlier than the record came takes nothing over.
    assert!(seen.is_leased(start));
    // A released lease can be acquired at once.
    let released = Observed::new(Job::default(), 4, start);
    assert!(!released.is_leased(start));
}

#[test]
fn no_two_acquisitions_have_the_same_lease() {
    assert_ne!(Lease::new(), Lease::new());
    let json = serde_json::to_value(Lease::new()).unwrap();
    assert_eq!(json["holder"].as_str().unwrap().len(), 32);
}

/// A bucket in a real nats-server.
async fn bucket() -> ((NatsServer, TempDir), Bucket<Job>) {
    let dir = tempfile::tempdir().unwrap();
    let server = NatsServer::start(dir.path()).await.unwrap();
    let creds = server.keys().admin_creds().unwrap();
    let options = async_nats::ConnectOptions::with_credentials_file(creds).await;
    let client = options.unwrap().connect(server.url()).await.unwrap();
    let bucket = Bucket::open(&jetstream::new(client), 1).await.unwrap();
    ((server, dir), bucket)
}

async fn observe(bucket: &Bucket<Job>, key: &ClusterName, now: Instant) -> Observed<Job> {
    let entry = bucket.get_latest(key).await.unwrap();
    Observed::new(entry.record.unwrap().unwrap(), entry.revision, now)
}

fn is_conflict<T: std::fmt::Debug>(result: &Result<T, BucketError>) -> bool {
    matches!(result, Err(BucketError::Conflict { .. }))
}

#[tokio::test]
async fn one_replica_holds_it_until_it_is_released_or_falls_silent() {
    let (_server, bucket) = bucket().await;
    let (key, start): (ClusterName, _) = ("job".parse().unwrap(), Instant::now());
    assert_eq!(bucket.get_latest(&key).await.unwrap().revision, 0);

    // Of two that see no record, one is first.
    let first = bucket.acquire_lease(&key, None, start).await.unwrap();
    let mut first = first.expect("it was first");
    let late = bucket.acquire_lease(&key, None, start).await;
    assert!(is_conflict(&late), "{late:?}");
    let seen = observe(&bucket, &key, start).await;
    let held = bucket.acquire_lease(&key, Some(&seen), start).await;
    assert!(held.unwrap().is_none());

    // It renews. A replica that has not seen that takes nothing over.
    first.renew().await.unwrap();
    let over = start + Job::TERM;
    let outdated = bucket.acquire_lease(&key, Some(&seen), over).await;
    assert!(is_conflict(&outdated), "{outdated:?}");

    // It falls silent, and another one takes over: the first holder can neither renew nor make its result count.
    let seen = observe(&bucket, &key, start).await;
    let second = bucket.acquire_lease(&key, Some(&seen), over).await.unwrap();
    let second = second.expect("the term is over");
    let renewed = first.renew().await;
    assert!(is_conflict(&renewed), "{renewed:?}");
    let result = first
        .complete(Job {
            lease: None,
            done: 1,
        })
        .await;
    assert!(is_conflict(&result), "{result:?}");
    let (job, revision) = second
        .complete(Job {
            lease: None,
            done: 2,
        })
        .await
        .unwrap();
    let seen = observe(&bucket, &key, over).await;
    assert_eq!((&seen.record, seen.revision), (&job, revision));
    assert_eq!((job.done, job.lease), (2, None));
    // Released with that, it is free at once.
    assert!(!seen.is_leased(over));
    let third = bucket.acquire_lease(&key, Some(&seen), over).await.unwrap();
    assert_eq!(third.expect("it is free").record().done, 2);
}

#[tokio::test]
async fn a_renewal_whose_acknowledgement_was_lost_does_not_cost_the_lease() {
    let (_server, bucket) = bucket().await;
    let (key, start): (ClusterName, _) = ("job".parse().unwrap(), Instant::now());
    let held = bucket.acquire_lease(&key, None, start).await.unwrap();
    let mut held = held.expect("no other holder");
    let renewed = bucket.update(&key, held.record(), held.revision()).await;
    held.renew().await.unwrap();
    assert_eq!(held.revision(), renewed.unwrap());
    held.renew().await.unwrap();
    let done = Job {
        lease: None,
        done: 1,
    };
    held.complete(done).await.unwrap();
}
