//! People on the bus who send more requests than an agent can process: the aggregator's requests are not affected.

use async_nats::{Client, ConnectOptions};
use bus_keys::{Inbox, Permit};
use bus_schema::timing::REPLY_MARGIN;
use bus_schema::verb::{GetRollout, ReadLog, Rollout};
use bus_schema::{Fault, FaultCode, Request as _};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use k8s_sim::{Fault as ApiFault, Verb};
use tokio::time::Instant;

use crate::deployment::Target;
use crate::faults::of_deployments;
use crate::logs::request;
use crate::stage::Stage;

/// A person who may use every verb on every cluster.
async fn person(stage: &Stage, name: &str) -> Client {
    let permit = Permit {
        name: name.parse().expect("a name"),
        clusters: vec![],
        verbs: Permit::all_verbs(),
        may_list_agents: false,
        may_see_runs: false,
        inbox: Inbox::Own,
        expires_at: None,
    };
    let creds = stage.nats.keys().cli_creds(&permit).expect("credentials");
    let options = ConnectOptions::with_credentials_file(creds).await;
    let options = options.expect("credentials");
    let options = options.custom_inbox_prefix(format!("_INBOX.{name}"));
    options
        .connect(stage.nats.url())
        .await
        .expect("a connection")
}

fn is_busy(answer: &Result<Rollout, Fault>) -> bool {
    matches!(answer, Err(fault) if fault.code == FaultCode::Busy)
}

/// Sends requests as each of these persons, of which this many are refused. The others hang until the API server's timeout: `None` if
/// that passed before all were sent.
async fn hanging<'a>(
    stage: &'a Stage,
    persons: [(&'a Client, usize); 3],
    rollout: &'a GetRollout,
) -> Option<FuturesUnordered<impl Future<Output = Result<Rollout, Fault>>>> {
    let begun = Instant::now();
    let mut hanging = FuturesUnordered::new();
    for (client, refused) in persons {
        hanging.extend((0..100).map(|_| stage.ask_as_person(client, rollout)));
        for _ in 0..refused {
            let answer = hanging.next().await.expect("an answer");
            if begun.elapsed() > GetRollout::TIMEOUT - 2 * REPLY_MARGIN {
                drop(hanging.collect::<Vec<_>>().await);
                return None;
            }
            assert!(is_busy(&answer), "{answer:?}");
        }
    }
    Some(hanging)
}

#[tokio::test]
async fn requests_of_persons_leave_the_aggregator_half_of_the_agent() {
    let (sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "fair").await;
    let faults = sim.clusters()[0].faults();
    faults.set(of_deployments(ApiFault::hang(), Verb::Get));
    let (ana, bob, carl) = (
        person(&stage, "ana").await,
        person(&stage, "bob").await,
        person(&stage, "carl").await,
    );
    let rollout = target.rollout();
    let mut attempts = 1..5;
    let hanging = loop {
        let persons = [(&ana, 84), (&bob, 84), (&carl, 100)];
        if let Some(hanging) = hanging(&stage, persons, &rollout).await {
            break hanging;
        }
        assert!(attempts.next().is_some(), "the machine is too slow");
    };
    assert_eq!(hanging.len(), 32);
    faults.clear();
    stage.ask(&rollout).await.unwrap();
    let unhindered: Vec<_> = hanging.collect().await;
    assert!(!unhindered.iter().any(is_busy));
    stage.ask_as_person(&carl, &rollout).await.unwrap();
    agent.left().await;
}

/// They could neither grant credit nor subscribe.
#[tokio::test]
async fn a_person_cannot_follow_a_log_over_the_bus_and_uses_no_permit() {
    let (_sim, stage, agent) = Stage::simulated().await;
    let target = Target::rolled_out(&stage, "unfollowed").await;
    let ana = person(&stage, "ana").await;
    let follow = ReadLog {
        follow: true,
        ..request(&target)
    };
    for _ in 0..32 {
        let fault = stage.ask_as_person(&ana, &follow).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::InvalidRequest);
        assert!(fault.message.starts_with("follow: "), "{fault}");
    }
    stage.ask(&follow).await.unwrap();
    stage.ask_as_person(&ana, &request(&target)).await.unwrap();
    agent.left().await;
}
