//! The requester of an agent chooses the reply subject, and the broker does not check whether that subject belongs to the
//! requester: an agent's messages must reach only inboxes.

use std::path::PathBuf;

use async_nats::jetstream::{self, kv, stream};
use bus_keys::streams::{AUDIT, BUCKETS};
use bus_keys::{Inbox, Permit};
use bus_schema::subject;
use futures::StreamExt as _;
use k8s_sim::Simulation;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use xtask::condition;
use xtask::nats_server::NatsServer;

use crate::agent::FOREIGN;
use crate::party::{PATIENCE, Party, server, until};

/// Subjects that nothing from an agent may reach, besides all foreign ones.
const NO_INBOX: [&str; 12] = [
    "$KV.credentials._revoked-until",
    "$KV.invitations.x",
    "audit.junk",
    "agent.cluster-a.heartbeat",
    "agent.cluster-a.workload",
    "agent.cluster-a.stream.x",
    "agent.cluster-a.answer.x.y",
    "cluster.cluster-a.restart",
    "fleet.roll-call",
    "$JS.API.STREAM.DELETE.AUDIT",
    "$SRV.PING",
    "_INBOX_ana.x",
];

/// Every subject that an agent of cluster-a answers on.
const ANSWERED: [&str; 14] = [
    "cluster.cluster-a.info",
    "cluster.cluster-a.namespaces",
    "cluster.cluster-a.deployments",
    "cluster.cluster-a.restart",
    "cluster.cluster-a.aggregator.info",
    "cluster.cluster-a.aggregator.restart",
    "fleet.workloads",
    "fleet.roll-call",
    "$SRV.PING",
    "$SRV.PING.agent",
    "$SRV.INFO",
    "$SRV.INFO.agent",
    "$SRV.STATS",
    "$SRV.STATS.agent",
];

/// The subjects, with each wildcard replaced.
fn reply_subjects() -> Vec<String> {
    let concrete = |pattern: &str| pattern.replace('*', "x").replace('>', "x.y");
    let foreign = FOREIGN.iter().filter(|pattern| **pattern != "_INBOX.>");
    let foreign = foreign.map(|pattern| concrete(pattern));
    let more = NO_INBOX.iter().map(|subject| (*subject).to_owned());
    foreign.chain(more).collect()
}

/// May send every request that a person may, to every cluster.
fn person() -> Permit {
    Permit {
        name: "ana".parse().expect("a name"),
        clusters: vec![],
        verbs: Permit::all_verbs(),
        may_list_agents: true,
        may_see_runs: true,
        inbox: Inbox::Own,
        expires_at: None,
    }
}

/// The audit's stream and the aggregator's buckets, all empty.
struct Stores(Vec<stream::Stream>);

impl Stores {
    async fn make(admin: &Party) -> Self {
        let jetstream = jetstream::new(admin.client.clone());
        let mut streams = Vec::new();
        let audit = stream::Config {
            name: AUDIT.name.to_owned(),
            subjects: vec!["audit.>".to_owned()],
            ..stream::Config::default()
        };
        streams.push(jetstream.create_stream(audit).await.expect("a stream"));
        for bucket in BUCKETS {
            let config = kv::Config {
                bucket: bucket.name.to_owned(),
                ..kv::Config::default()
            };
            let bucket = jetstream.create_key_value(config).await;
            streams.push(bucket.expect("a bucket").stream);
        }
        Self(streams)
    }

    async fn are_empty(self) {
        for stream in self.0 {
            let info = stream.get_info().await.expect("it is there");
            assert_eq!(info.state.last_sequence, 0, "{}", info.config.name);
        }
    }
}

/// The real agent of cluster-a, with a simulated cluster.
struct RunningAgent {
    _sim: Simulation,
    stop: oneshot::Sender<()>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl RunningAgent {
    async fn start(server: &NatsServer, dir: &TempDir) -> Self {
        let sim = Simulation::builder().start().await.expect("a simulation");
        let kubeconfig: PathBuf = dir.path().join("kubeconfig");
        sim.write_kubeconfig(&kubeconfig).expect("a kubeconfig");
        let config = agent::Config {
            cluster: "cluster-a".parse().expect("a name"),
            nats_url: server.url(),
            nats_ca: None,
            nats_creds: Some(server.keys().agent_creds("cluster-a").expect("credentials")),
            nats_seed: None,
            renewed_token: agent::RenewedToken::default(),
            verbs: bus_schema::AllowedVerbs::all(),
            max_rollouts: 0,
            kubernetes: agent::Access::new(Some(kubeconfig), None),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(agent::run(config, async move { drop(stopped.await) }));
        Self {
            _sim: sim,
            stop,
            task,
        }
    }

    /// By then all requests have been answered.
    async fn stop(self) {
        drop(self.stop);
        self.task.await.expect("no panic").expect("no error");
    }
}

#[tokio::test]
async fn replies_of_an_agent_reach_only_inboxes_whatever_reply_subject_is_named() {
    let (server, dir) = server().await;
    let admin = Party::admin(&server).await;
    let stores = Stores::make(&admin).await;
    let agent = RunningAgent::start(&server, &dir).await;
    let answers = async || {
        Ok(admin
            .client
            .request("cluster.cluster-a.info", "".into())
            .await
            .ok())
    };
    condition::met("the agent answers", PATIENCE, answers)
        .await
        .unwrap();
    let keys = server.keys();
    let ana = keys.cli_creds(&person()).unwrap();
    let requesters = [
        ("a person", Party::with(&server, &ana, "_INBOX.ana").await),
        (
            "the aggregator",
            Party::with(&server, &keys.aggregator_creds(), "_INBOX_aggregator").await,
        ),
        ("an administrator", Party::admin(&server).await),
    ];
    let mut all = admin.client.subscribe(">").await.unwrap();
    admin.says("ready", "").await;
    until(&mut all, "ready").await;
    let requests_sent: usize = reply_subjects().len() * ANSWERED.len() * requesters.len();
    for (_, requester) in &requesters {
        for reply in reply_subjects() {
            for subject in ANSWERED {
                let (client, payload) = (&requester.client, "{}".into());
                let sent = client.publish_with_reply(subject, reply.clone(), payload);
                sent.await.unwrap();
            }
        }
        requester.client.flush().await.unwrap();
    }
    agent.stop().await;
    admin.client.publish("done", "".into()).await.unwrap();

    let mut requests = 0;
    loop {
        let message = all.next().await.unwrap();
        match message.subject.as_str() {
            "done" => break,
            subject if ANSWERED.contains(&subject) => {
                requests += 1;
                assert!(message.reply.is_some(), "a reply on {subject}");
            }
            // Its own unsolicited messages.
            "agent.cluster-a.heartbeat" => {
                assert!(message.reply.is_some(), "a reply as a heartbeat");
            }
            "agent.cluster-a.workload" => {}
            subject => panic!("{subject}: {:?}", message.payload),
        }
    }
    // A person may send neither fleet queries nor an aggregator's requests; the others may send everything.
    let (refused, replies) = (4, reply_subjects().len());
    assert_eq!(requests, requests_sent - refused * replies);
    stores.are_empty().await;
}

/// With the credential of the cluster's own agent beside a person's, which its administrators can read.
#[tokio::test]
async fn a_hostile_agent_and_a_person_reach_no_more_than_each_of_them() {
    let (server, _dir) = server().await;
    let admin = Party::admin(&server).await;
    let stores = Stores::make(&admin).await;
    let ana = server.keys().cli_creds(&person()).unwrap();
    let ana = Party::with(&server, &ana, "_INBOX.ana").await;
    let mut hostile = Party::agent(&server, "cluster-a").await;
    let mut requests = hostile
        .client
        .subscribe("cluster.cluster-a.>")
        .await
        .unwrap();
    hostile.may_not_say("agent.cluster-b.fence").await;
    let mut all = admin.client.subscribe(">").await.unwrap();
    admin.says("ready", "").await;
    until(&mut all, "ready").await;
    let cluster = "cluster-a".parse().unwrap();
    let beyond = reply_subjects()
        .into_iter()
        // Under its own name it may publish anything, requested or not.
        .filter(|subject| !subject.starts_with("agent.cluster-a."));
    for reply in beyond {
        let (to, payload) = (subject::request(&cluster, "info"), "{}".into());
        let sent = ana.client.publish_with_reply(to, reply.clone(), payload);
        sent.await.unwrap();
        ana.client.flush().await.unwrap();
        let request = requests.next().await.unwrap();
        assert_eq!(request.reply.unwrap().as_str(), reply);
        hostile.may_not_say(&reply).await;
    }
    admin.client.publish("done", "".into()).await.unwrap();
    let heard = until(&mut all, "done").await;
    let foreign = heard
        .iter()
        .find(|subject| *subject != "cluster.cluster-a.info");
    assert_eq!(foreign, None);
    stores.are_empty().await;
}
