//! The last known state of an offline cluster: shown with its age, never as healthy, and only to users who may see it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use bus_schema::ClusterName;
use fleet::inventory::{Generation, Inventory, InventoryError, List, Manifest, Seen};
use registry::ListSource;
use serde_json::{Value, json};
use storage::{BucketError, Leased as _};

use crate::fleet::pages::{change, pages};
use crate::fleet::{items, names};
use crate::fleet_faults::row;
use crate::service::{Answer, Service};
use crate::stack::Stack;

/// The bucket, as seen by another replica.
pub async fn inventory(stack: &Stack) -> Inventory {
    let jetstream = async_nats::jetstream::new(stack.admin().await);
    let inventory = Inventory::open(&jetstream, 1).await.expect("the bucket");
    tokio::spawn(inventory.clone().follow());
    inventory
}

/// Waits until the stored list of a cluster satisfies `right`.
pub async fn stored_list(
    stack: &Stack,
    inventory: &Inventory,
    cluster: &str,
    mut right: impl FnMut(&str, &Generation) -> bool,
) -> Generation {
    let name: ClusterName = cluster.parse().expect("a name");
    let look = async || {
        let stored = inventory.stored(&name, None)?;
        // It may be replaced meanwhile.
        let known = inventory.read(&name, &stored).await.ok()?;
        let text = known
            .workloads()
            .map(|(_, stored)| format!("{:?}", stored.summary));
        right(&text.collect::<String>(), &stored).then_some(stored)
    };
    stack.service.until("the list is stored", look).await
}

/// Waits until a cluster is offline and shown as last known.
pub async fn offline_page(service: &Service, token: &str, cluster: &str) -> Answer {
    let offline = async || {
        let page = service.get("/deployments", token).await;
        let row = row(&page, cluster);
        (row["state"] == "offline" && row["as_of"].is_string()).then_some(page)
    };
    service
        .until("the cluster is offline and known", offline)
        .await
}

/// The items of a cluster.
fn of<'a>(page: &'a Answer, cluster: &str) -> Vec<&'a Value> {
    let all = items(page).iter();
    all.filter(|item| item["cluster"] == cluster).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offline_cluster_is_shown_as_last_known_also_after_a_restart() {
    let mut stack = Stack::start(2).await;
    let token = stack.service.token("viewer").await;
    let inventory = inventory(&stack).await;
    let list = stored_list(&stack, &inventory, "cluster-b", |_, stored| {
        stored.workloads == 4
    })
    .await;
    let before = stack
        .service
        .get("/deployments?cluster=cluster-b", &token)
        .await;
    assert!(
        of(&before, "cluster-b")
            .iter()
            .all(|item| item["as_of"].is_null())
    );
    stack.agents.remove(1).stop().await;
    let page = offline_page(&stack.service, &token, "cluster-b").await;
    shown_as_last_known(&page, &before, &list);

    // Not as healthy, whatever they were, but as unknown.
    for (health, clusters) in [("healthy", &["cluster-a"][..]), ("unknown", &["cluster-b"])] {
        let path = format!("/deployments?health={health}");
        let found = stack.service.get(&path, &token).await;
        let seen: BTreeSet<_> = names(&found).into_iter().map(|name| name.0).collect();
        assert_eq!(seen, clusters.iter().map(|c| (*c).to_owned()).collect());
    }
    let namespace = stack
        .service
        .get("/deployments/cluster-b/pay", &token)
        .await;
    assert_eq!(
        (namespace.status, namespace.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "cluster_offline")
    );

    let again = Service::start(&stack.dir, &stack.nats.url()).await;
    let token = again.token("viewer").await;
    let page = offline_page(&again, &token, "cluster-b").await;
    shown_as_last_known(&page, &before, &list);
}

fn shown_as_last_known(page: &Answer, before: &Answer, list: &Generation) {
    let (now, then) = (of(page, "cluster-b"), of(before, "cluster-b"));
    assert_eq!((now.len(), then.len()), (4, 4));
    for (now, then) in now.iter().zip(then) {
        assert_eq!(now["deployment_name"], then["deployment_name"]);
        assert_eq!(
            (&now["health"], &now["images"]),
            (&json!("unknown"), &then["images"])
        );
        assert!(
            now["last_health"].is_string() && now["last_health"] != "unknown",
            "{now}"
        );
        let as_of: jiff::Timestamp = now["as_of"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .expect("a time");
        assert!(as_of >= list.as_of && as_of <= jiff::Timestamp::now());
        assert!(now["stale_seconds"].is_u64());
    }
    assert_eq!(page.body["totals"]["workloads"], 8);
    assert_eq!(page.body["totals"]["health"]["unknown"], 4);
    assert_eq!(
        (
            &page.body["answers"]["answered"],
            &page.body["answers"]["offline"]
        ),
        (&json!(1), &json!(1))
    );
    let row = row(page, "cluster-b");
    assert_eq!(
        (&row["workloads"], &row["as_of"]),
        (&json!(4), &now[0]["as_of"])
    );
    assert!(
        row["last_seen"].is_string() && row["truncated"].is_null(),
        "{row}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_filters_cover_online_clusters_and_an_offline_one() {
    let mut stack = Stack::start(2).await;
    let token = stack.service.token("viewer").await;
    change(&stack, "cluster-b", Method::POST, "aa-first").await;
    let inventory = inventory(&stack).await;
    stored_list(&stack, &inventory, "cluster-b", |list, _| {
        list.contains("aa-first")
    })
    .await;
    stack.agents.remove(1).stop().await;
    offline_page(&stack.service, &token, "cluster-b").await;
    for sort in ["name", "-name", "age", "health", "-health", "restarted_at"] {
        let pages = pages(&stack, &token, &format!("limit=2&sort={sort}"), None).await;
        let shown: Vec<_> = pages.iter().flat_map(names).collect();
        let distinct: BTreeSet<_> = shown.iter().cloned().collect();
        assert_eq!((shown.len(), distinct.len()), (9, 9), "{sort}: {shown:?}");
        for page in &pages {
            assert_eq!(page.body["totals"]["workloads"], 9, "{sort}");
        }
    }
    for (query, expected) in [
        ("q=aa-fir", 1),
        ("image=web:1", 1),
        ("labelSelector=app%3Daa-first", 1),
        ("cluster=cluster-b&namespace=pay", 3),
        ("cluster=cluster-b&labelSelector=app%3Dnone", 0),
    ] {
        let page = stack
            .service
            .get(&format!("/deployments?{query}"), &token)
            .await;
        assert_eq!(items(&page).len(), expected, "{query}");
        assert_eq!(row(&page, "cluster-b")["workloads"], expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_lists_are_shown_and_counted_only_for_users_who_may_see_them() {
    let mut stack = Stack::start(3).await;
    let inventory = inventory(&stack).await;
    for cluster in ["cluster-a", "cluster-b", "cluster-c"] {
        stored_list(&stack, &inventory, cluster, |_, stored| {
            stored.workloads == 4
        })
        .await;
    }
    for agent in stack.agents.drain(..) {
        agent.stop().await;
    }
    // In cluster-a the namespace pay, in cluster-b the namespace default, in cluster-c nothing.
    let token = stack.service.token("pieces").await;
    offline_page(&stack.service, &token, "cluster-a").await;
    let page = offline_page(&stack.service, &token, "cluster-b").await;
    let seen: BTreeSet<_> = names(&page).into_iter().map(|(c, n, _)| (c, n)).collect();
    let pairs = [("cluster-a", "pay"), ("cluster-b", "default")];
    assert_eq!(
        seen,
        pairs.map(|(c, n)| (c.to_owned(), n.to_owned())).into()
    );
    assert_eq!(
        (items(&page).len(), &page.body["totals"]["workloads"]),
        (4, &json!(4))
    );
    assert_eq!(row(&page, "cluster-a")["workloads"], 2);
    let text = page.body.to_string();
    assert!(!text.contains("cluster-c"), "{text}");
    let no_grants = stack.service.token("nobody").await;
    let nothing = stack.service.get("/deployments", &no_grants).await;
    assert_eq!(
        (&nothing.body["items"], &nothing.body["clusters"]),
        (&json!([]), &json!([]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_stored_and_forgotten_clusters_are_not() {
    let mut stack = Stack::start(1).await;
    let inventory = inventory(&stack).await;
    let first = stored_list(&stack, &inventory, "cluster-a", |_, stored| {
        stored.workloads == 4
    })
    .await;
    change(&stack, "cluster-a", Method::POST, "zz-comes").await;
    let second = stored_list(&stack, &inventory, "cluster-a", |list, _| {
        list.contains("zz-comes")
    })
    .await;
    assert!(second.workloads == 5 && second.id != first.id);
    change(&stack, "cluster-a", Method::DELETE, "zz-comes").await;
    stored_list(&stack, &inventory, "cluster-a", |list, _| {
        !list.contains("zz-comes")
    })
    .await;

    stack.agents.remove(0).stop().await;
    let token = stack.service.token("admin").await;
    offline_page(&stack.service, &token, "cluster-a").await;
    let gone = stack.service.delete("/clusters/cluster-a", &token).await;
    assert_eq!(gone.status, StatusCode::OK, "{gone:?}");
    let page = stack.service.get("/deployments", &token).await;
    assert_eq!(
        (&page.body["items"], &page.body["clusters"]),
        (&json!([]), &json!([]))
    );
    let bucket = bucket(&stack).await;
    let empty = async || keys(&bucket).await.is_empty().then_some(());
    stack.service.until("nothing is stored of it", empty).await;
}

/// What is in it.
async fn keys(bucket: &async_nats::jetstream::kv::Store) -> Vec<String> {
    use futures::TryStreamExt as _;
    let keys = bucket.keys().await.expect("the bucket");
    keys.try_collect().await.expect("the bucket")
}

/// The bucket itself.
pub async fn bucket(stack: &Stack) -> async_nats::jetstream::kv::Store {
    let jetstream = async_nats::jetstream::new(stack.admin().await);
    jetstream
        .get_key_value("inventory")
        .await
        .expect("the bucket")
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_deployments_are_stored_also_with_all_images_different() {
    let stack = Stack::start(0).await;
    let jetstream = async_nats::jetstream::new(stack.admin().await);
    let cluster: ClusterName = "cluster-x".parse().unwrap();
    let inventory = Inventory::open(&jetstream, 1).await.unwrap();
    let now = jiff::Timestamp::now();
    let mut list = List::begun(now);
    for page in 0..20 {
        let digest = || {
            format!(
                "{:032x}{:032x}",
                rand::random::<u128>(),
                rand::random::<u128>()
            )
        };
        let item = |number: usize| {
            let images = [0, 1].map(|_| format!("registry.example/web@sha256:{}", digest()));
            json!({"namespace": "pay", "kind": "Deployment", "name": format!("web-{page}-{number}"), "replicas": 1, "ready": 1,
                "updated": 1, "available": 1, "images": images, "health": "healthy"})
        };
        let items: Vec<Value> = (0..500).map(item).collect();
        let next = (page < 19).then_some("pay/more");
        let reply = json!({"items": items, "continue": next}).to_string();
        assert_eq!(list.add(reply.into(), now).unwrap().as_deref(), next);
    }
    let lease = inventory.acquire_lease(&cluster, |_| true, Instant::now());
    let lease = lease.await.unwrap().expect("no other replica holds it");
    inventory.store(lease, list, source()).await.unwrap();
    let stored = inventory.stored(&cluster, Some("uid")).unwrap();
    assert!(
        stored.parts > 1 && !stored.truncated && stored.workloads == 10_000,
        "{stored:?}"
    );
    let known = inventory.read(&cluster, &stored).await.unwrap();
    assert_eq!(known.workloads().count(), 10_000);
    inventory.forget(&cluster).await.unwrap();
    assert_eq!(keys(&bucket(&stack).await).await, Vec::<String>::new());
}

/// Two replicas that do not watch the bucket: each learns of the other's writes too late.
async fn two_replicas(stack: &Stack) -> (Inventory, Inventory) {
    let jetstream = async_nats::jetstream::new(stack.admin().await);
    let open = async || Inventory::open(&jetstream, 1).await.expect("the bucket");
    (open().await, open().await)
}

fn source() -> ListSource {
    ListSource {
        cluster_uid: "uid".to_owned(),
        changes: None,
    }
}

/// Whether a list should be read at this time.
fn due(now: Instant) -> impl Fn(Option<&Seen>) -> bool {
    move |seen| seen.is_none_or(|seen| seen.is_due(&source(), Duration::from_secs(60), now))
}

/// Without deployments.
fn empty_list() -> List {
    let mut list = List::begun(jiff::Timestamp::now());
    let next = list.add(r#"{"items":[]}"#.into(), jiff::Timestamp::now());
    assert_eq!(next.expect("a page"), None);
    list
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_reads_a_cluster_that_is_due() {
    let stack = Stack::start(0).await;
    let (one, other) = two_replicas(&stack).await;
    let (cluster, now): (ClusterName, _) = ("cluster-x".parse().unwrap(), Instant::now());
    let lease = one.acquire_lease(&cluster, due(now), now).await.unwrap();
    let lease = lease.expect("it was first");
    let refused = other.acquire_lease(&cluster, due(now), now).await;
    assert!(refused.unwrap().is_none());
    // Now it knows, and does not read again.
    let leased = |seen: &Seen| seen.manifest.is_leased(Instant::now());
    assert!(other.inspect(|seen| seen.get(&cluster).is_some_and(leased)));
    let refused = other.acquire_lease(&cluster, due(now), now).await;
    assert!(refused.unwrap().is_none());
    one.store(lease, empty_list(), source()).await.unwrap();
    let now = Instant::now();
    let again = one.acquire_lease(&cluster, due(now), now).await;
    assert!(again.unwrap().is_none());
    assert_eq!(one.stored(&cluster, Some("uid")).unwrap().workloads, 0);
    // Another cluster's list under the same name is discarded.
    assert!(one.stored(&cluster, Some("rival")).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lost_its_lease_cannot_make_its_list_count() {
    let stack = Stack::start(0).await;
    let (slow, other) = two_replicas(&stack).await;
    let (cluster, now): (ClusterName, _) = ("cluster-x".parse().unwrap(), Instant::now());
    let lost = slow.acquire_lease(&cluster, due(now), now).await.unwrap();
    let refused = other.acquire_lease(&cluster, due(now), now).await;
    assert!(refused.unwrap().is_none());
    let over = Instant::now() + Manifest::TERM;
    let lease = other.acquire_lease(&cluster, due(over), over).await;
    let lease = lease.unwrap().expect("its term is over");
    other.store(lease, empty_list(), source()).await.unwrap();
    let stored = slow.store(lost.expect("it was first"), empty_list(), source());
    let error = stored.await.expect_err("the lease is lost");
    let conflict = matches!(error, InventoryError::Bucket(BucketError::Conflict { .. }));
    assert!(conflict, "{error}");
    assert!(slow.stored(&cluster, None).is_none());
    // Nor has it overwritten any part of the list that is in use.
    let stored = other.stored(&cluster, Some("uid")).unwrap();
    let read = other.read(&cluster, &stored).await.unwrap();
    assert_eq!(read.workloads().count(), 0);
}
