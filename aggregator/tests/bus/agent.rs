use async_nats::Request;
use futures::StreamExt as _;

use crate::party::{PATIENCE, Party, heard, server, until};

/// What is not this agent's: other clusters, others' inboxes, streams and buckets, the system.
const FOREIGN: [&str; 23] = [
    ">",
    "*",
    "cluster.>",
    "cluster.*.restart",
    "cluster.cluster-b.>",
    "cluster.cluster-b.restart",
    "agent.>",
    "agent.*.heartbeat",
    "agent.cluster-b.heartbeat",
    "agent.cluster-b.stream.x",
    "agent.*.answer.>",
    "agent.cluster-b.answer.x.y",
    "_INBOX.>",
    "_INBOX_aggregator.>",
    "_INBOX_agent.>",
    "audit.>",
    "$SYS.>",
    "$SYS.ACCOUNT.*.CONNECT",
    "$JS.>",
    "$JS.API.>",
    "$KV.>",
    "$KV.sessions.>",
    "$SRV.>",
];

#[tokio::test]
async fn an_agent_may_hear_nothing_that_is_not_its_own_and_overhears_nothing() {
    let (server, _dir) = server().await;
    let (admin, mut agent) = (
        Party::admin(&server).await,
        Party::agent(&server, "cluster-a").await,
    );
    let mut own = agent.client.subscribe("cluster.cluster-a.>").await.unwrap();
    let mut foreign = Vec::new();
    for subject in FOREIGN
        .iter()
        .chain(&["agent.cluster-a.>", "agent.cluster-a.heartbeat"])
    {
        foreign.push(agent.may_not_hear(subject).await);
    }
    for subject in [
        "cluster.cluster-b.restart",
        "agent.cluster-b.heartbeat",
        "agent.cluster-a.heartbeat",
        "_INBOX_aggregator.a.b",
        "_INBOX.a.b",
        "audit.operation.x",
        "$KV.sessions.x",
        "cluster.cluster-a.last",
    ] {
        admin
            .client
            .publish(subject, "secret".into())
            .await
            .unwrap();
    }
    assert!(until(&mut own, "cluster.cluster-a.last").await.is_empty());
    for subscriber in &mut foreign {
        assert!(heard(subscriber).is_empty());
    }
}

#[tokio::test]
async fn an_agent_may_say_nothing_that_is_not_its_own_and_nobody_hears_it() {
    let (server, _dir) = server().await;
    let (admin, mut agent) = (
        Party::admin(&server).await,
        Party::agent(&server, "cluster-a").await,
    );
    let mut all = admin.client.subscribe(">").await.unwrap();
    admin.client.publish("ready", "".into()).await.unwrap();
    until(&mut all, "ready").await;
    for subject in [
        "agent.cluster-b.heartbeat",
        "agent.cluster-b.stream.x",
        "agent.cluster-b.answer.x.y",
        "fleet.deployments",
        "agent.cluster-a",
        "cluster.cluster-a.restart",
        "cluster.cluster-b.restart",
        "fleet.roll-call",
        "_INBOX_aggregator.guess",
        "_INBOX.guess",
        "audit.sign-in",
        "$SRV.PING",
        "$SYS.REQ.CLAIMS.UPDATE",
        "$SYS.REQ.SERVER.PING",
        "$JS.API.INFO",
        "$JS.API.STREAM.DELETE.AUDIT",
        "$KV.sessions.x",
        "$KV.credentials.cluster-a",
    ] {
        agent.may_not_say(subject).await;
    }
    agent
        .client
        .publish("agent.cluster-a.heartbeat", "".into())
        .await
        .unwrap();
    assert!(
        until(&mut all, "agent.cluster-a.heartbeat")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn an_agent_answers_whoever_asks_it_once() {
    let (server, _dir) = server().await;
    let (admin, mut agent) = (
        Party::admin(&server).await,
        Party::agent(&server, "cluster-a").await,
    );
    let mut own = agent
        .client
        .subscribe("cluster.cluster-a.info")
        .await
        .unwrap();
    // Before it is asked: the server's answer to a message of its own comes after its subscription.
    agent.may_not_say("agent.cluster-b.fence").await;
    let client = admin.client.clone();
    let asked = tokio::spawn(async move {
        let ask = Request::new().inbox(client.new_inbox());
        let ask = ask.timeout(Some(PATIENCE));
        client.send_request("cluster.cluster-a.info", ask).await
    });
    let question = own.next().await.unwrap();
    let reply = question.reply.unwrap();
    agent
        .client
        .publish(reply.clone(), "answer".into())
        .await
        .unwrap();
    assert_eq!(asked.await.unwrap().unwrap().payload, "answer");
    agent.may_not_say(&reply).await;
}

#[tokio::test]
async fn the_aggregator_may_not_speak_for_agents_nor_take_the_audit_away() {
    let (server, _dir) = server().await;
    let creds = server.keys().aggregator_creds();
    let mut aggregator = Party::with(&server, &creds, "_INBOX_aggregator").await;
    for subject in [
        "agent.cluster-a.heartbeat",
        "_INBOX.guess",
        "$JS.API.STREAM.DELETE.AUDIT",
        "$JS.API.STREAM.PURGE.AUDIT",
        "$JS.API.STREAM.UPDATE.AUDIT",
        "$JS.API.STREAM.MSG.DELETE.AUDIT",
        "$JS.API.STREAM.CREATE.OTHER",
        "$KV.other.x",
        "$SYS.REQ.CLAIMS.UPDATE",
    ] {
        aggregator.may_not_say(subject).await;
    }
    for subject in [
        ">",
        "cluster.>",
        "_INBOX.>",
        "$KV.>",
        "$SYS.>",
        "audit.>",
        "fleet.>",
    ] {
        aggregator.may_not_hear(subject).await;
    }
}

#[tokio::test]
async fn the_aggregators_link_to_the_system_account_sees_one_account_and_no_more() {
    let (server, _dir) = server().await;
    let dir = server.keys().aggregator_dir();
    let creds = bus_keys::AggregatorKeys::system_creds(&dir);
    let mut system = Party::with(&server, &creds, "_INBOX_aggregator").await;
    for subject in [
        "$SYS.REQ.SERVER.PING",
        "$SYS.REQ.SERVER.X.RELOAD",
        "$SYS.REQ.CLAIMS.DELETE",
        "cluster.cluster-a.restart",
    ] {
        system.may_not_say(subject).await;
    }
    for subject in [">", "$SYS.>", "$SYS.ACCOUNT.*.CONNECT", "$SYS.SERVER.>"] {
        system.may_not_hear(subject).await;
    }
}
