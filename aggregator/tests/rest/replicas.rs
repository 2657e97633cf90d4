//! All replicas have the same state, also when one was disconnected while it changed.

use xtask::proxy::TcpProxy;

use crate::service::Service;
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_cluster_is_removed_on_a_replica_that_was_disconnected_and_missed_the_message() {
    let mut stack = Stack::start(2).await;
    let proxy = TcpProxy::start(stack.nats.address()).await.unwrap();
    let replica = Service::start(&stack.dir, &format!("nats://{}", proxy.addr())).await;
    let token = replica.token("admin").await;
    replica.online(2, &token).await;
    stack.agents.remove(0).stop().await;

    proxy.reset();
    // As after the expiry of its delete marker.
    let jetstream = async_nats::jetstream::new(stack.admin().await);
    let records = jetstream.get_stream("KV_clusters").await.unwrap();
    let purged = records.purge().filter("$KV.clusters.cluster-a").await;
    assert!(purged.unwrap().purged > 0);
    proxy.heal();
    let names = async || {
        let list = replica.get("/clusters", &token).await;
        let clusters = list.body["items"].as_array()?;
        let names = clusters.iter().map(|cluster| cluster["cluster"].clone());
        (names.collect::<Vec<_>>() == ["cluster-b"]).then_some(())
    };
    replica.until("one cluster is left", names).await;
}
