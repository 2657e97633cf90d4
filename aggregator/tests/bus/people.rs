use bus_keys::{Inbox, Permit};
use bus_schema::subject::RUN_EVENTS;
use jiff::{SignedDuration, Timestamp};

use crate::party::{PATIENCE, Party, heard, server, until};

pub fn permit(name: &str) -> Permit {
    Permit {
        name: name.parse().expect("a label"),
        clusters: ["cluster-a", "cluster-b"]
            .map(|name| name.parse().expect("a cluster name"))
            .to_vec(),
        verbs: vec!["restart", "rollout"],
        may_list_agents: false,
        may_see_runs: false,
        inbox: Inbox::Own,
        expires_at: None,
    }
}

#[tokio::test]
async fn a_person_reaches_the_verbs_and_clusters_of_the_credential_and_nothing_else() {
    let (server, _dir) = server().await;
    let creds = server.keys().cli_creds(&permit("ana")).unwrap();
    let (admin, mut ana) = (
        Party::admin(&server).await,
        Party::with(&server, &creds, "_INBOX.ana").await,
    );
    let mut all = admin.client.subscribe(">").await.unwrap();
    admin.client.publish("ready", "".into()).await.unwrap();
    until(&mut all, "ready").await;
    for subject in [
        "cluster.cluster-a.scale",
        "cluster.cluster-a.log",
        "cluster.cluster-c.restart",
        "cluster.cluster-a.clock.x",
        "cluster.cluster-a.restart.x",
        "cluster.cluster-a.aggregator.restart",
        "fleet.roll-call",
        "agent.cluster-a.heartbeat",
        "$SRV.PING",
        "$JS.API.INFO",
        "$KV.sessions.x",
        "$SYS.REQ.CLAIMS.UPDATE",
        "_INBOX.x",
        "_INBOX.ana.x",
        "_INBOX.bob.x",
        "agent.cluster-a.reply.x.y",
        "run.x.event",
    ] {
        ana.may_not_say(subject).await;
    }
    for subject in [
        ">",
        "_INBOX.>",
        "_INBOX_aggregator.>",
        "_INBOX.bob.>",
        "_INBOX.*.x",
        "agent.>",
        "agent.*.reply.>",
        "cluster.>",
        "run.*.event",
        "run.x.event",
    ] {
        ana.may_not_hear(subject).await;
    }
    let allowed = [
        "cluster.cluster-a.restart",
        "cluster.cluster-a.rollout",
        "cluster.cluster-b.restart",
    ];
    for subject in allowed {
        ana.client.publish(subject, "".into()).await.unwrap();
    }
    let before = until(&mut all, "cluster.cluster-b.restart").await;
    assert_eq!(before, &allowed[..2], "and nothing of what was refused");
}

#[tokio::test]
async fn with_the_right_to_see_runs_a_person_hears_their_events_and_publishes_none() {
    let (server, _dir) = server().await;
    let viewer = Permit {
        clusters: vec![],
        verbs: vec![],
        may_see_runs: true,
        ..permit("ana")
    };
    let creds = server.keys().cli_creds(&viewer).unwrap();
    let mut ana = Party::with(&server, &creds, "_INBOX.ana").await;
    let mut events = ana.client.subscribe(RUN_EVENTS).await.unwrap();
    for subject in ["run.>", "run.*.>", "run.*.other", ">"] {
        ana.may_not_hear(subject).await;
    }
    // Without verbs it may publish nothing at all.
    for subject in ["run.x.event", "cluster.cluster-a.restart", "$SRV.PING", "x"] {
        ana.may_not_say(subject).await;
    }
    let creds = server.keys().aggregator_creds();
    let aggregator = Party::with(&server, &creds, "_INBOX_aggregator").await;
    aggregator.says("run.x.event", "{}").await;
    assert!(until(&mut events, "run.x.event").await.is_empty());
}

#[tokio::test]
async fn one_person_does_not_hear_anothers_replies() {
    let (server, _dir) = server().await;
    let keys = server.keys();
    let (ana, bob) = (
        keys.cli_creds(&permit("ana")).unwrap(),
        keys.cli_creds(&permit("bob")).unwrap(),
    );
    let ana = Party::with(&server, &ana, "_INBOX.ana").await;
    let mut bob = Party::with(&server, &bob, "_INBOX.bob").await;
    let agent = Party::agent(&server, "cluster-a").await;
    let mut questions = agent
        .client
        .subscribe("cluster.cluster-a.restart")
        .await
        .unwrap();
    let mut overheard = bob.may_not_hear("_INBOX.ana.>").await;
    let ask = async {
        loop {
            let answer = ana
                .client
                .request("cluster.cluster-a.restart", "".into())
                .await;
            // Until the agent has subscribed.
            if let Ok(answer) = answer {
                return answer;
            }
        }
    };
    let answer = async {
        use futures::StreamExt as _;
        let question = questions.next().await.unwrap();
        agent
            .client
            .publish(question.reply.unwrap(), "for ana".into())
            .await
            .unwrap();
    };
    let (answer, ()) = tokio::join!(ask, answer);
    assert_eq!(answer.payload, "for ana");
    assert!(heard(&mut overheard).is_empty());
}

#[tokio::test]
async fn an_expired_credential_is_refused() {
    let (server, _dir) = server().await;
    let past = Timestamp::now() - SignedDuration::from_secs(5);
    let expired = Permit {
        expires_at: Some(past),
        ..permit("ana")
    };
    let creds = server.keys().cli_creds(&expired).unwrap();
    let options = async_nats::ConnectOptions::with_credentials_file(creds)
        .await
        .unwrap();
    let refused = tokio::time::timeout(PATIENCE, options.connect(server.url()))
        .await
        .unwrap();
    assert_eq!(
        refused.unwrap_err().kind(),
        async_nats::ConnectErrorKind::AuthorizationViolation
    );
}

#[tokio::test]
async fn nobody_comes_in_without_a_credential_or_with_one_of_another_bus() {
    let (server, _dir) = server().await;
    let (other, _other_dir) = crate::party::server().await;
    let refused = async_nats::connect(server.url()).await.unwrap_err();
    assert_eq!(
        refused.kind(),
        async_nats::ConnectErrorKind::AuthorizationViolation
    );
    for creds in [
        other.keys().agent_creds("cluster-a").unwrap(),
        other.keys().aggregator_creds(),
        other.keys().admin_creds().unwrap(),
    ] {
        let options = async_nats::ConnectOptions::with_credentials_file(creds)
            .await
            .unwrap();
        let refused = options.connect(server.url()).await.unwrap_err();
        assert_eq!(
            refused.kind(),
            async_nats::ConnectErrorKind::AuthorizationViolation
        );
    }
}
