//! Responses to fleet queries: one subscription, from which each response is passed on to the query that waits for it.
//! The cluster is read from the subject, which the broker authenticates.

use std::collections::{BTreeMap, HashMap, VecDeque};

use async_nats::Message;
use bus_schema::subject::FromAgent;
use bus_schema::{AnswerId, ClusterName, StreamId};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;

/// The number of finished requests that are remembered, so that a second response is recognised.
const REMEMBERED: usize = 64;

/// The requests of this aggregator, and the queries that wait for their responses.
#[derive(Debug)]
pub(super) struct Responses {
    pub(super) requester: StreamId,
    requests: Mutex<Requests>,
}

#[derive(Debug, Default)]
struct Requests {
    by_id: HashMap<StreamId, RequestEntry>,
    over: VecDeque<StreamId>,
}

#[derive(Debug)]
struct RequestEntry {
    /// How often each cluster of the request has responded.
    responses: BTreeMap<ClusterName, u32>,
    /// `None` when the request is over.
    waiting: Option<mpsc::Sender<(ClusterName, Message)>>,
}

/// A request whose responses are awaited. It is over when this is dropped.
#[derive(Debug)]
pub(super) struct PendingRequest<'a> {
    pub id: AnswerId,
    answers: mpsc::Receiver<(ClusterName, Message)>,
    of: &'a Responses,
}

/// What happened to a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    /// It belongs to no request, comes from a cluster that was not queried, or is late.
    Ignored,
    /// The cluster had responded before.
    Duplicate(ClusterName),
}

impl Responses {
    /// Creates a requester with a random id.
    pub fn new() -> Self {
        Self {
            requester: random_id(),
            requests: Mutex::default(),
        }
    }

    /// Expects a response from each of these clusters.
    pub fn expect(&self, clusters: impl Iterator<Item = ClusterName>) -> PendingRequest<'_> {
        let responses: BTreeMap<_, _> = clusters.map(|cluster| (cluster, 0)).collect();
        // At most two responses per cluster are passed on, so the channel is never full.
        let (waiting, answers) = mpsc::channel(2 * responses.len().max(1));
        let question = random_id();
        let entry = RequestEntry {
            responses,
            waiting: Some(waiting),
        };
        self.requests().by_id.insert(question.clone(), entry);
        let requester = self.requester.clone();
        PendingRequest {
            id: AnswerId {
                requester,
                question,
            },
            answers,
            of: self,
        }
    }

    pub fn take_in(&self, from: FromAgent, message: Message) -> Fate {
        let FromAgent::Answer(cluster, id) = from else {
            return Fate::Ignored;
        };
        let mut requests = self.requests();
        let Some(entry) = requests.by_id.get_mut(&id.question) else {
            return Fate::Ignored;
        };
        let Some(times) = entry.responses.get_mut(&cluster) else {
            return Fate::Ignored;
        };
        *times = times.saturating_add(1);
        let (first, repeated) = (*times == 1, *times > 1);
        let passed_on = entry
            .waiting
            .as_ref()
            .filter(|_| *times <= 2)
            .is_some_and(|waiting| waiting.try_send((cluster.clone(), message)).is_ok());
        match (repeated, first && passed_on) {
            (true, _) => Fate::Duplicate(cluster),
            (false, true) => Fate::Delivered,
            (false, false) => Fate::Ignored,
        }
    }

    fn over(&self, question: &StreamId) {
        let mut requests = self.requests();
        if let Some(entry) = requests.by_id.get_mut(question) {
            entry.waiting = None;
        }
        requests.over.push_back(question.clone());
        if requests.over.len() > REMEMBERED
            && let Some(forgotten) = requests.over.pop_front()
        {
            requests.by_id.remove(&forgotten);
        }
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock()
    }
}

impl PendingRequest<'_> {
    /// The next response, of any cluster; a second one of the same cluster too.
    pub async fn next(&mut self) -> Option<(ClusterName, Message)> {
        self.answers.recv().await
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        self.of.over(&self.id.question);
    }
}

fn random_id() -> StreamId {
    let id = format!("{:032x}", rand::random::<u128>());
    id.parse().expect("hexadecimal digits are an id")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bus_schema::subject;

    fn cluster(name: &str) -> ClusterName {
        name.parse().unwrap()
    }

    fn take_in(answers: &Responses, name: &str, id: &AnswerId) -> Fate {
        let subject = subject::answer(&cluster(name), id);
        let from = subject::parse(&subject).unwrap();
        let message = Message {
            subject: subject.into(),
            reply: None,
            payload: bytes::Bytes::new(),
            headers: None,
            status: None,
            description: None,
            length: 0,
        };
        answers.take_in(from, message)
    }

    #[test]
    fn only_responses_of_queried_clusters_are_passed_on_and_duplicates_are_recognised() {
        let answers = Responses::new();
        let mut question = answers.expect([cluster("a"), cluster("b")].into_iter());
        let id = question.id.clone();
        assert_eq!(take_in(&answers, "c", &id), Fate::Ignored);
        assert_eq!(take_in(&answers, "a", &id), Fate::Delivered);
        for _ in 0..1000 {
            let repeated = take_in(&answers, "a", &id);
            assert_eq!(repeated, Fate::Duplicate(cluster("a")));
        }
        // However often one cluster repeats its response, the others still fit.
        assert_eq!(take_in(&answers, "b", &id), Fate::Delivered);
        let mut heard = Vec::new();
        while let Ok((cluster, _)) = question.answers.try_recv() {
            heard.push(cluster);
        }
        assert_eq!(heard, ["a", "a", "b"].map(cluster));
    }

    #[test]
    fn a_finished_query_is_remembered_for_a_while_and_then_forgotten() {
        let answers = Responses::new();
        let clusters = || [cluster("a"), cluster("b")].into_iter();
        let first = answers.expect(clusters());
        let id = first.id.clone();
        assert_eq!(take_in(&answers, "a", &id), Fate::Delivered);
        drop(first);
        let repeated = Fate::Duplicate(cluster("a"));
        assert_eq!(take_in(&answers, "a", &id), repeated);
        assert_eq!(take_in(&answers, "b", &id), Fate::Ignored);
        for _ in 0..REMEMBERED {
            drop(answers.expect(clusters()));
        }
        assert_eq!(take_in(&answers, "a", &id), Fate::Ignored);
        assert_eq!(answers.requests().by_id.len(), REMEMBERED);
    }
}
