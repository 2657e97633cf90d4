//! Every NATS subject of the system, built and parsed here and nowhere else. The first token is the direction: `cluster.` and
//! `fleet.` go to agents, `agent.` comes from them, and `run.` comes from the aggregator.

use std::str::FromStr;

use crate::{AnswerId, ClusterName, InstanceId, OperationId, StreamId};

/// The pattern of everything that agents publish.
pub const FROM_AGENTS: &str = "agent.>";

/// The pattern of all heartbeats.
pub const HEARTBEATS: &str = "agent.*.heartbeat";

/// The pattern of all changes of workloads.
pub const WORKLOAD_CHANGES: &str = "agent.*.workload";

/// The pattern of all requests for a credential's renewal.
pub const RENEWALS: &str = "agent.*.renewal";

/// Asks every agent for a heartbeat now: `fleet.roll-call`, a [`crate::RollCall`].
pub const ROLL_CALL: &str = "fleet.roll-call";

/// No one subscribes to this subject: the server's `no responders` reply proves that the connection works in both directions.
pub const LIVENESS_PROBE: &str = "fleet.nobody";

/// Asks every cluster for workloads: `fleet.workloads`, a [`crate::FleetQueryRequest`].
pub const FLEET_QUERY: &str = "fleet.workloads";

/// The pattern of all events of runs.
pub const RUN_EVENTS: &str = "run.*.event";

/// The first token of every person's inboxes: the only prefix besides `agent.<name>` under which an agent may publish.
pub const INBOX: &str = "_INBOX";

/// No client makes a longer reply subject.
const REPLY_BYTES: usize = 256;

/// The subject on which a cluster's agents serve a verb: `cluster.<name>.<verb>`.
#[must_use]
pub fn request(cluster: &ClusterName, verb: &str) -> String {
    format!("cluster.{cluster}.{verb}")
}

/// The subject on which they serve it for an aggregator: `cluster.<name>.aggregator.<verb>`. The permissions of a person's credential
/// cover three tokens only, so the broker lets no one else publish there.
#[must_use]
pub fn aggregator_request(cluster: &ClusterName, verb: &str) -> String {
    format!("cluster.{cluster}.aggregator.{verb}")
}

/// A pattern of what agents publish, narrowed to one cluster: `agent.<name>.heartbeat` for `agent.*.heartbeat`.
#[must_use]
pub fn of_cluster(pattern: &str, cluster: &ClusterName) -> String {
    pattern.replacen('*', cluster.as_str(), 1)
}

/// The queue group in which all agents of a cluster share its requests.
#[must_use]
pub fn queue_group(cluster: &ClusterName) -> String {
    cluster.to_string()
}

/// The subject of an agent's heartbeats: `agent.<name>.heartbeat`, a [`crate::Heartbeat`].
#[must_use]
pub fn heartbeat(cluster: &ClusterName) -> String {
    format!("agent.{cluster}.heartbeat")
}

/// The subject on which an agent publishes changes of workloads: `agent.<name>.workload`, [`crate::WorkloadChanges`].
#[must_use]
pub fn workload_changes(cluster: &ClusterName) -> String {
    format!("agent.{cluster}.workload")
}

/// The subject on which a heartbeat is acknowledged, to its sender only: `cluster.<name>.clock.<instance>`, a [`crate::HeartbeatAck`].
#[must_use]
pub fn clock(cluster: &ClusterName, instance: &InstanceId) -> String {
    format!("cluster.{cluster}.clock.{instance}")
}

/// The subject on which an agent requests its credential's renewal: `agent.<name>.renewal`, a [`crate::RenewCredential`].
#[must_use]
pub fn renewal(cluster: &ClusterName) -> String {
    format!("agent.{cluster}.renewal")
}

/// The subject of the reply to that: `cluster.<name>.credential.<instance>`, a [`crate::CredentialRenewal`].
#[must_use]
pub fn credential(cluster: &ClusterName, instance: &InstanceId) -> String {
    format!("cluster.{cluster}.credential.{instance}")
}

/// The subject on which the lines of a followed log are published: `agent.<name>.stream.<id>`, [`crate::LogChunk`]s.
#[must_use]
pub fn stream(cluster: &ClusterName, id: &StreamId) -> String {
    format!("agent.{cluster}.stream.{id}")
}

/// The subject on which the reader of a followed log grants credit: `cluster.<name>.credit.<id>`, a [`crate::LogCredit`].
#[must_use]
pub fn credit(cluster: &ClusterName, id: &StreamId) -> String {
    format!("cluster.{cluster}.credit.{id}")
}

/// The subject on which a cluster answers a fleet query: `agent.<name>.answer.<requester>.<question>`.
#[must_use]
pub fn answer(cluster: &ClusterName, id: &AnswerId) -> String {
    format!("agent.{cluster}.answer.{}.{}", id.requester, id.question)
}

/// The pattern of all answers to one requester.
#[must_use]
pub fn answers_to(requester: &StreamId) -> String {
    format!("agent.*.answer.{requester}.*")
}

/// The subject on which an agent replies to an aggregator: `agent.<name>.reply.<requester>.<request>`. It lets the broker authenticate
/// the cluster, and no person's credential can subscribe to it.
#[must_use]
pub fn reply(cluster: &ClusterName, requester: &StreamId, request: &str) -> String {
    format!("agent.{cluster}.reply.{requester}.{request}")
}

/// The pattern of all replies to one aggregator.
#[must_use]
pub fn replies_to(requester: &StreamId) -> String {
    format!("agent.*.reply.{requester}.*")
}

/// The subject on which the aggregator publishes a run's states and counts: `run.<id>.event`, a [`crate::RunUpdate`].
#[must_use]
pub fn run_event(run: &OperationId) -> String {
    format!("run.{run}.event")
}

/// The prefix of the inboxes of a person's credential: `_INBOX.<name>`.
#[must_use]
pub fn inbox_prefix(name: &str) -> String {
    format!("{INBOX}.{name}")
}

/// Whether an agent of this cluster may reply there: a person's inbox, or an aggregator's reply subject for this cluster. The subject
/// comes from the requester, whose own permissions do not bind it.
#[must_use]
pub fn takes_replies(cluster: &ClusterName, subject: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty()
            && !matches!(token, "*" | ">")
            && token.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let tokens: Vec<&str> = subject.split('.').collect();
    if subject.len() > REPLY_BYTES || !tokens.iter().all(|token| is_token(token)) {
        return false;
    }
    match tokens.as_slice() {
        [INBOX, _, ..] => true,
        ["agent", name, "reply", _, _] => *name == cluster.as_str(),
        _ => false,
    }
}

/// The owner of the inbox that a reply subject names: the second token, which the requester chooses and nothing verifies.
#[must_use]
pub fn inbox_name(reply: &str) -> &str {
    reply.split('.').nth(1).unwrap_or(reply)
}

/// What an agent published, read from the subject only: the broker authenticates the subject, but nothing authenticates the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromAgent {
    /// `agent.<name>.heartbeat`
    Heartbeat(ClusterName),
    /// `agent.<name>.workload`
    WorkloadChanges(ClusterName),
    /// `agent.<name>.renewal`
    Renewal(ClusterName),
    /// `agent.<name>.stream.<id>`
    Stream(ClusterName, StreamId),
    /// `agent.<name>.answer.<requester>.<question>`
    Answer(ClusterName, AnswerId),
}

impl FromAgent {
    /// The agent's cluster.
    #[must_use]
    pub fn cluster(&self) -> &ClusterName {
        match self {
            Self::Heartbeat(cluster)
            | Self::WorkloadChanges(cluster)
            | Self::Renewal(cluster)
            | Self::Stream(cluster, _)
            | Self::Answer(cluster, _) => cluster,
        }
    }
}

/// Reads the subject of a message that an agent published; `None` for a subject that this version does not know.
#[must_use]
pub fn parse(subject: &str) -> Option<FromAgent> {
    let mut tokens = subject.split('.');
    if tokens.next()? != "agent" {
        return None;
    }
    let cluster = ClusterName::from_str(tokens.next()?).ok()?;
    let parsed = match tokens.next()? {
        "heartbeat" => FromAgent::Heartbeat(cluster),
        "workload" => FromAgent::WorkloadChanges(cluster),
        "renewal" => FromAgent::Renewal(cluster),
        "stream" => FromAgent::Stream(cluster, StreamId::from_str(tokens.next()?).ok()?),
        "answer" => {
            let requester = StreamId::from_str(tokens.next()?).ok()?;
            let question = StreamId::from_str(tokens.next()?).ok()?;
            FromAgent::Answer(
                cluster,
                AnswerId {
                    requester,
                    question,
                },
            )
        }
        _ => return None,
    };
    tokens.next().is_none().then_some(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn subjects_read_as_documented() {
        let cluster = ClusterName::from_str("cluster-a").unwrap();
        assert_eq!(request(&cluster, "restart"), "cluster.cluster-a.restart");
        let by_aggregator = aggregator_request(&cluster, "restart");
        assert_eq!(by_aggregator, "cluster.cluster-a.aggregator.restart");
        assert_eq!(inbox_name("_INBOX.ana.x.y"), "ana");
        assert_eq!(heartbeat(&cluster), "agent.cluster-a.heartbeat");
        assert_eq!(of_cluster(HEARTBEATS, &cluster), heartbeat(&cluster));
        let run = OperationId::from_str("019cb00b000-0123456789abcdef").unwrap();
        let event = run_event(&run);
        assert_eq!(event, "run.019cb00b000-0123456789abcdef.event");
        let answers = of_cluster("agent.*.answer.f00d.*", &cluster);
        assert_eq!(answers, "agent.cluster-a.answer.f00d.*");
    }

    #[test]
    fn foreign_subjects_are_not_parsed() {
        for subject in [
            "",
            "agent",
            "agent..heartbeat",
            "agent.*.heartbeat",
            "agent.a.heartbeat.x",
            "agent.a.workload.x",
            "agent.a.renewal.x",
            "cluster.a.restart",
            "agent.a.stream",
            "agent.a.answer.x",
            "agent.a.answer.x.y.z",
            "agent.a.answer.x.*",
            "agent.A.heartbeat",
            "run.x.event",
        ] {
            assert_eq!(parse(subject), None, "{subject}");
        }
    }

    #[test]
    fn replies_go_to_inboxes_and_to_this_clusters_reply_subjects_alone() {
        let cluster = ClusterName::from_str("cluster-a").unwrap();
        let aggregator = StreamId::from_str("f00d").unwrap();
        for subject in [
            "_INBOX.ana.x.y",
            "_INBOX.x",
            &reply(&cluster, &aggregator, "beef"),
        ] {
            assert!(takes_replies(&cluster, subject), "{subject}");
        }
        for subject in [
            "",
            "_INBOX",
            "_INBOX.",
            "_INBOX..x",
            "_INBOX.*",
            "_INBOX.ana.>",
            "_INBOX.a b",
            "_INBOX_aggregator.x",
            "_inbox.ana.x",
            &format!("_INBOX.{}", "x".repeat(250)),
            "$KV.credentials._revoked-until",
            "audit.junk",
            "run.x.event",
            "cluster.cluster-a.restart",
            "agent.cluster-a.heartbeat",
            "agent.cluster-a.reply.x",
            "agent.cluster-a.reply.x.y.z",
            "agent.cluster-a.reply.*.y",
            "agent.cluster-b.reply.x.y",
            "$JS.API.STREAM.DELETE.AUDIT",
        ] {
            assert!(!takes_replies(&cluster, subject), "{subject}");
        }
    }

    proptest! {
        #[test]
        fn what_is_built_is_parsed_back(name in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", id in "[a-z0-9]{1,20}") {
            let cluster = ClusterName::from_str(&name).unwrap();
            let id = StreamId::from_str(&id).unwrap();
            prop_assert_eq!(parse(&heartbeat(&cluster)), Some(FromAgent::Heartbeat(cluster.clone())));
            prop_assert_eq!(parse(&workload_changes(&cluster)), Some(FromAgent::WorkloadChanges(cluster.clone())));
            prop_assert_eq!(parse(&renewal(&cluster)), Some(FromAgent::Renewal(cluster.clone())));
            prop_assert_eq!(parse(&stream(&cluster, &id)), Some(FromAgent::Stream(cluster.clone(), id.clone())));
            let id = AnswerId { requester: id.clone(), question: id };
            prop_assert_eq!(parse(&answer(&cluster, &id)), Some(FromAgent::Answer(cluster, id)));
        }

        #[test]
        fn no_text_makes_the_parser_panic(subject in "\\PC{0,80}") {
            let _ = parse(&subject);
            let cluster = ClusterName::from_str("a").unwrap();
            prop_assert!(!takes_replies(&cluster, &subject) || subject.starts_with("_INBOX.") || subject.starts_with("agent.a.reply."));
        }
    }
}
