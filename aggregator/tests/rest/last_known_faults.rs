//! The inventory when it is damaged, partly written or slow: a cluster affects its own row, never the response.

use serde_json::{Value, json};

use crate::fleet::items;
use crate::fleet_faults::row;
use crate::last_known::{bucket, inventory, offline_page, stored_list};
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_half_written_is_not_read_and_the_one_before_still_is() {
    let mut stack = Stack::start(1).await;
    let token = stack.service.token("viewer").await;
    let list = stored_list(
        &stack,
        &inventory(&stack).await,
        "cluster-a",
        |_, stored| stored.workloads == 4,
    )
    .await;
    stack.agents.remove(0).stop().await;
    // A replica has started to write the next list, and died.
    let bucket = bucket(&stack).await;
    let last = settled(&stack, &bucket, "cluster-a").await;
    let slot = last["kept"]["slot"].as_u64().unwrap();
    let free = format!("cluster-a.{}.0", 1 - slot);
    bucket.put(&free, "half\nwritten".into()).await.unwrap();
    let mut leased = last.clone();
    leased["lease"] = json!({"holder": "somebody"});
    bucket
        .put("cluster-a", leased.to_string().into())
        .await
        .unwrap();
    let page = offline_page(&stack.service, &token, "cluster-a").await;
    assert_eq!(items(&page).len(), 4);
    assert!(list.parts == 1);

    // A manifest that names an incomplete list.
    let mut torn = last;
    torn["kept"]["id"] = json!("torn");
    torn["kept"]["slot"] = json!(1 - slot);
    bucket
        .put("cluster-a", torn.to_string().into())
        .await
        .unwrap();
    let reported = async || {
        let page = stack.service.get("/deployments", &token).await;
        row(&page, "cluster-a")["detail"]
            .is_string()
            .then_some(page)
    };
    let page = stack.service.until("the row says so", reported).await;
    let row = row(&page, "cluster-a");
    assert_eq!(
        (&row["state"], &page.body["items"]),
        (&json!("offline"), &json!([]))
    );
    assert!(row["detail"].as_str().unwrap().contains("part 0"), "{row}");
    assert!(row["as_of"].is_null());
}

/// The manifest, once it is no longer written.
async fn settled(stack: &Stack, bucket: &async_nats::jetstream::kv::Store, cluster: &str) -> Value {
    let look = async || {
        let manifest = bucket.get(cluster).await.ok()??;
        let manifest: Value = serde_json::from_slice(&manifest).ok()?;
        manifest["lease"].is_null().then_some(manifest)
    };
    stack.service.until("the manifest is settled", look).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_costs_its_own_row() {
    let mut stack = Stack::start(3).await;
    let inventory = inventory(&stack).await;
    for cluster in ["cluster-a", "cluster-b"] {
        stored_list(&stack, &inventory, cluster, |_, stored| {
            stored.workloads == 4
        })
        .await;
    }
    stack.agents.remove(1).stop().await;
    stack.agents.remove(0).stop().await;
    let token = stack.service.token("viewer").await;
    for cluster in ["cluster-a", "cluster-b"] {
        offline_page(&stack.service, &token, cluster).await;
    }
    let bucket = bucket(&stack).await;
    let mut manifest = settled(&stack, &bucket, "cluster-a").await;
    let part = format!("cluster-a.{}.0", manifest["kept"]["slot"]);
    let bomb = zstd::bulk::compress(&vec![b' '; 64 * 1024 * 1024], 3).unwrap();
    let wrong = zstd::bulk::compress(br#"{"items":[]}"#, 3).unwrap();
    for (id, packed, said) in [
        ("rubbish", &b"\0\xff rubbish"[..], "unpacked"),
        ("bomb", &bomb, "maximum size"),
        ("wrong", &wrong, "0 workloads and should have 4"),
    ] {
        let bytes = [id.as_bytes(), b"\n", packed].concat();
        bucket.put(&part, bytes.into()).await.unwrap();
        manifest["kept"]["id"] = json!(id);
        bucket
            .put("cluster-a", manifest.to_string().into())
            .await
            .unwrap();
        let reported = async || {
            let page = stack.service.get("/deployments?timeout=30", &token).await;
            let others = row(&page, "cluster-b")["as_of"].is_string();
            let said = row(&page, "cluster-a")["detail"].as_str()?.contains(said);
            (others && said).then_some(page)
        };
        let page = stack.service.until("the row says so", reported).await;
        assert_eq!(items(&page).len(), 8, "{said}");
        assert_eq!(page.body["answers"]["answered"], 1);
    }
}
