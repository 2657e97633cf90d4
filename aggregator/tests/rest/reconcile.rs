//! Operations whose outcome was lost, and their reported outcomes.

use axum::http::StatusCode;
use bus_schema::OperationId;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use xtask::proxy::TcpProxy;

use audit::{AuditError, Entry, Outcome};
use fleet::journal::Operation;

use crate::faults::restarted_at;
use crate::impostor::Impostor;
use crate::stack::Stack;

fn body(namespace: &str, name: &str) -> Value {
    json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name})
}

/// The first line of a restart by the administrator, a minute ago, by a replica that was killed since.
struct Lost {
    id: OperationId,
    entry: Value,
    mutation: Value,
    deadline: Timestamp,
}

impl Lost {
    fn new(mutation: Value, target: Value, verb: &str) -> Self {
        let id = OperationId::at(
            Timestamp::now() - SignedDuration::from_mins(1),
            rand::random(),
        );
        let entry = json!({
            "time": "2026-01-01T00:00:00Z", "user": "admin", "verb": verb, "target": target,
            "operation_id": id, "outcome": "pending",
        });
        Self {
            id,
            entry,
            mutation,
            deadline: Timestamp::now() - SignedDuration::from_secs(50),
        }
    }

    /// A restart of this deployment in the cluster of this name and uid.
    fn restart(cluster: &str, uid: &Value, (namespace, name): &(String, String)) -> Self {
        let target = json!({"cluster": cluster, "namespace": namespace, "deployment_name": name});
        let mut lost = Self::new(Value::Null, target, "restart");
        let request = json!({
            "namespace": namespace, "deployment_name": name, "operation_id": lost.id,
            "cluster_uid": uid, "deadline": lost.deadline,
        });
        lost.mutation = json!({"verb": "restart", "request": request});
        lost
    }

    async fn record(&self, stack: &Stack) {
        let operation = json!({
            "id": self.id, "mutation": self.mutation, "deadline": self.deadline, "entry": self.entry,
        });
        let jetstream = async_nats::jetstream::new(stack.admin().await);
        let subject = format!("audit.operation.{}", self.id);
        let line = jetstream.publish(subject, self.entry.to_string().into());
        let acknowledged = line.await.expect("it is published").await;
        acknowledged.expect("a line of the audit");
        let operations = jetstream.get_key_value("operations").await;
        let operations = operations.expect("the bucket");
        let put = operations.put(self.id.as_str(), operation.to_string().into());
        put.await.expect("it is put");
    }
}

async fn newest(stack: &Stack, token: &str, id: &OperationId) -> Value {
    let operation = stack.service.get(&format!("/operations/{id}"), token).await;
    assert_eq!(operation.status, StatusCode::OK, "{operation:?}");
    operation.body
}

async fn outcome(stack: &Stack, token: &str, id: &OperationId) -> Value {
    newest(stack, token, id).await["outcome"].clone()
}

async fn ends_as(stack: &Stack, token: &str, id: &OperationId, expected: &str) {
    let ended = async || (outcome(stack, token, id).await != "pending").then_some(());
    stack.service.until("it is reconciled", ended).await;
    let newest = newest(stack, token, id).await;
    assert_eq!(newest["outcome"], expected, "{newest}");
}

async fn uid(stack: &Stack, token: &str) -> Value {
    let clusters = stack.service.get("/clusters", token).await;
    clusters.body["items"][0]["cluster_uid"].clone()
}

/// The agent is disconnected after it has received the request: the caller gets `outcome_unknown`, and the outcome is settled
/// later.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_outcome_is_reconciled_with_the_cluster() {
    let mut stack = Stack::start(1).await;
    let proxy = TcpProxy::start(stack.nats.address()).await.unwrap();
    stack.agents.remove(0).stop().await;
    let agent = stack.agent(
        "cluster-a",
        "cluster-a",
        &format!("nats://{}", proxy.addr()),
    );
    stack.agents.push(agent);
    stack.online(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;

    proxy.cut();
    let answer = stack
        .service
        .post("/restart", &token, &body(&namespace, &name))
        .await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::GATEWAY_TIMEOUT, "outcome_unknown")
    );
    let operation = answer.body["operation_id"].clone();
    proxy.heal();
    let settled = async || {
        let audit = stack.service.get("/audit?verb=restart", &token).await;
        let line = audit.body["items"]
            .as_array()?
            .iter()
            .find(|line| line["operation_id"] == operation)?
            .clone();
        (line["outcome"] != "unknown" && line["outcome"] != "pending").then_some(line)
    };
    let line = stack
        .service
        .until("the operation is settled", settled)
        .await;
    // The deadline had passed when the request reached the agent.
    assert_eq!(line["outcome"], "expired", "{line}");
    assert_eq!(
        restarted_at(&stack.service, &token, &namespace, &name).await,
        Some(Value::Null)
    );
}

/// The reply was lost, and somebody has restarted it again since.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_was_carried_out_has_succeeded_whatever_came_after_it() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (deployment, uid) = (stack.healthy("cluster-a").await, uid(&stack, &token).await);
    let lost = Lost::restart("cluster-a", &uid, &deployment);
    let request = json!({
        "namespace": deployment.0, "deployment_name": deployment.1, "operation_id": lost.id,
    });
    let admin = stack.admin().await;
    let answer = admin.request("cluster.cluster-a.restart", request.to_string().into());
    let answer: Value = serde_json::from_slice(&answer.await.unwrap().payload).unwrap();
    assert!(answer["restarted_at"].is_string(), "{answer}");
    let again = body(&deployment.0, &deployment.1);
    let again = stack.service.post("/restart", &token, &again).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    lost.record(&stack).await;
    ends_as(&stack, &token, &lost.id, "succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_not_reconciled_with_another_cluster_of_that_name() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (deployment, uid) = (stack.healthy("cluster-a").await, uid(&stack, &token).await);
    let of_another = Lost::restart("cluster-a", &json!("another"), &deployment);
    of_another.record(&stack).await;
    let of_this = Lost::restart("cluster-a", &uid, &deployment);
    of_this.record(&stack).await;
    ends_as(&stack, &token, &of_this.id, "expired").await;
    assert_eq!(outcome(&stack, &token, &of_another.id).await, "pending");
    // A day later the outcome can no longer be determined.
    let mut of_yesterday = Lost::restart("cluster-a", &json!("another"), &deployment);
    of_yesterday.deadline -= SignedDuration::from_hours(24);
    let jetstream = async_nats::jetstream::new(stack.admin().await);
    let operations = jetstream.get_key_value("operations").await.unwrap();
    operations.purge(of_another.id.as_str()).await.unwrap();
    of_yesterday.record(&stack).await;
    ends_as(&stack, &token, &of_yesterday.id, "unknown").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_reply_settles_nothing() {
    let stack = Stack::start(0).await;
    let token = stack.service.token("admin").await;
    let hostile = Impostor::heard(&stack, "hostile", &["restart"]).await;
    let mut requests = hostile.hears("aggregator.restart").await;
    stack.online(1).await;
    let deployment = ("default".to_owned(), "web".to_owned());
    let lost = Lost::restart("hostile", &json!("hostile"), &deployment);
    lost.record(&stack).await;
    hostile.replies(&mut requests, "{}").await;
    // It is queried again, since it has not replied.
    let reply = json!({"namespace": "default", "deployment_name": "web"}).to_string();
    hostile.replies(&mut requests, reply).await;
    ends_as(&stack, &token, &lost.id, "succeeded").await;
}

/// One by one, the time-outs of the silent cluster would take minutes.
#[tokio::test(flavor = "multi_thread")]
async fn open_operations_of_a_silent_cluster_do_not_delay_the_outcome_of_another_cluster() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (deployment, uid) = (stack.healthy("cluster-a").await, uid(&stack, &token).await);
    let silent = Impostor::heard(&stack, "a-silent-one", &["restart", "rollout"]).await;
    let unanswered = silent.hears("restart").await;
    stack.online(2).await;
    for _ in 0..24 {
        let lost = Lost::restart("a-silent-one", &json!("a-silent-one"), &deployment);
        lost.record(&stack).await;
    }
    let of_another = Lost::restart("cluster-a", &uid, &deployment);
    of_another.record(&stack).await;
    ends_as(&stack, &token, &of_another.id, "expired").await;
    drop(unanswered);
}

/// The aggregator was killed between the two lines.
#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_whose_outcome_was_lost_does_not_stay_pending() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let target = json!({"cluster": "cluster-a"});
    for verb in ["enroll", "revoke", "invite", "withdraw", "label"] {
        let lost = Lost::new(Value::Null, target.clone(), verb);
        lost.record(&stack).await;
        ends_as(&stack, &token, &lost.id, "unknown").await;
        let detail = newest(&stack, &token, &lost.id).await["detail"].clone();
        assert!(
            detail
                .as_str()
                .unwrap()
                .contains("GET /clusters/cluster-a/credentials"),
            "{detail}"
        );
        let jetstream = async_nats::jetstream::new(stack.admin().await);
        let operations = jetstream.get_key_value("operations").await.unwrap();
        let closed = async || {
            operations
                .get(lost.id.as_str())
                .await
                .ok()?
                .is_none()
                .then_some(())
        };
        stack.service.until("it is closed", closed).await;
    }
}

/// Another replica started it a moment ago, and is carrying it out.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_another_has_begun_is_left_alone() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let journal = &stack.service.app.journal;
    let entry: Entry = serde_json::from_value(json!({
        "time": Timestamp::now(), "user": "admin", "verb": "enroll", "target": {"cluster": "cluster-a"}, "outcome": "pending",
    }))
    .unwrap();
    let deadline = Timestamp::now() + SignedDuration::from_mins(1);
    let operation = Operation::new(journal.new_id(), None, deadline, entry);
    let begun = journal.begin(operation.clone()).await.unwrap();
    let late = journal.begin(operation.clone()).await.unwrap_err();
    assert!(matches!(late, AuditError::SettledAlready), "{late:?}");
    // Reconciling checks an unacknowledged intent twice.
    let probe = Lost::new(Value::Null, json!({"cluster": "cluster-a"}), "enroll");
    for _ in 0..2 {
        probe.record(&stack).await;
        ends_as(&stack, &token, &probe.id, "unknown").await;
    }
    assert_eq!(outcome(&stack, &token, &operation.id).await, "pending");
    journal.conclude(begun, Outcome::Succeeded, None).await;
    assert_eq!(outcome(&stack, &token, &operation.id).await, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_shown_to_those_who_may_see_its_target() {
    let stack = Stack::start(1).await;
    let (admin, no_grants) = (
        stack.service.token("admin").await,
        stack.service.token("nobody").await,
    );
    let (namespace, name) = stack.healthy("cluster-a").await;
    let done = stack
        .service
        .post("/restart", &admin, &body(&namespace, &name))
        .await;
    let path = format!(
        "/operations/{}",
        done.body["operation_id"].as_str().unwrap()
    );
    let shown = stack.service.get(&path, &admin).await;
    assert_eq!(
        (&shown.body["outcome"], &shown.body["verb"]),
        (&json!("succeeded"), &json!("restart"))
    );
    let hidden = stack.service.get(&path, &no_grants).await;
    assert_eq!(
        (hidden.status, hidden.code()),
        (StatusCode::NOT_FOUND, "not_found")
    );
    let absent = format!("/operations/{}", OperationId::at(Timestamp::now(), 7));
    assert_eq!(stack.service.get(&absent, &admin).await.code(), "not_found");
    let wrong = stack.service.get("/operations/A%20B", &admin).await;
    assert_eq!(wrong.body["field"], "operation_id", "{wrong:?}");
}
