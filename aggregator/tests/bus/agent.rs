use bus_link::Servers;
use futures::StreamExt as _;
use storage::bus::Bus;
use xtask::condition;

use crate::party::{PATIENCE, Party, heard, server, until};

/// Subjects that do not belong to this agent: other clusters, others' inboxes, streams and buckets, the system.
pub const FOREIGN: [&str; 26] = [
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
    "agent.cluster-b.reply.x.y",
    "_INBOX.>",
    "_INBOX_aggregator.>",
    "_INBOX_agent.>",
    "audit.>",
    "run.*.event",
    "run.x.event",
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
        "run.x.event",
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
async fn an_agent_may_publish_only_its_own_subjects_and_the_rest_reaches_no_one() {
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
        "agent.cluster-b.reply.x.y",
        "fleet.workloads",
        "agent.cluster-a",
        "cluster.cluster-a.restart",
        "cluster.cluster-b.restart",
        "fleet.roll-call",
        "_INBOX_aggregator.guess",
        "_INBOX",
        "audit.sign-in",
        "audit-refused.sign-in",
        "run.x.event",
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

/// The broker lets an agent publish under its own subjects as often as it likes. Only one message is the reply to a request.
#[tokio::test]
async fn a_second_reply_and_one_to_an_earlier_request_are_discarded() {
    let (server, _dir) = server().await;
    let servers = Servers::new(&server.url(), None).unwrap();
    let creds = server.keys().aggregator_creds();
    let bus = Bus::connect(&servers, Some(&creds)).await.unwrap();
    let up = async || Ok(bus.is_up().then_some(()));
    condition::met("the link is up", PATIENCE, up)
        .await
        .unwrap();
    let mut agent = Party::agent(&server, "cluster-a").await;
    let mut requests = agent
        .client
        .subscribe("cluster.cluster-a.info")
        .await
        .unwrap();
    // The server's response to a message of its own comes after its subscription.
    agent.may_not_say("agent.cluster-b.fence").await;
    let cluster = "cluster-a".parse().unwrap();
    let mut earlier: Vec<String> = Vec::new();
    for round in ["first", "second"] {
        let call = bus.request_agent(&cluster, "info", "".into(), PATIENCE);
        let answer = async {
            let reply_to = requests.next().await.unwrap().reply.unwrap().to_string();
            for late in &earlier {
                agent.says(late, "late").await;
            }
            agent.says(&reply_to, round).await;
            agent.says(&reply_to, "once more").await;
            earlier.push(reply_to);
        };
        let (reply, ()) = tokio::join!(call, answer);
        assert_eq!(reply.unwrap().payload, round);
    }
    for subject in &earlier {
        assert!(subject.starts_with("agent.cluster-a.reply."), "{subject}");
    }
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
        "$JS.API.STREAM.PURGE.AUDIT_REFUSED",
        "$JS.API.STREAM.CREATE.OTHER",
        "$KV.other.x",
        "run.x",
        "run.x.other",
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
