//! Answers to questions that went to all clusters: one subscription, from which each answer is passed on to whoever has asked.
//! Who answers is read from the subject, which the broker vouches for.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_nats::Message;
use bus_schema::subject::{self, FromAgent};
use bus_schema::{AnswerId, ClusterName, StreamId};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::agent_messages::{AgentMessages, Kind};
use super::{Fleet, rate_limit};

/// Questions that are over and still remembered, so that who answers twice is known.
const REMEMBERED: usize = 64;

const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The questions of this aggregator, and who waits for their answers.
#[derive(Debug)]
pub(super) struct Answers {
    asker: StreamId,
    questions: Mutex<Questions>,
}

#[derive(Debug, Default)]
struct Questions {
    asked: HashMap<StreamId, Asked>,
    over: VecDeque<StreamId>,
}

#[derive(Debug)]
struct Asked {
    /// How often each cluster that was asked has answered.
    heard: BTreeMap<ClusterName, u32>,
    /// None when the question is over.
    waiting: Option<mpsc::Sender<(ClusterName, Message)>>,
}

/// A question whose answers are waited for. It is over when this is dropped.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub id: AnswerId,
    answers: mpsc::Receiver<(ClusterName, Message)>,
    of: &'a Answers,
}

/// What became of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    PassedOn,
    /// To nothing that was asked, of somebody who was not asked, or too late.
    PassedOver,
    /// The cluster had answered before.
    Repeated(ClusterName),
}

impl Answers {
    /// Of an asker with a name of its own.
    pub fn new() -> Self {
        Self {
            asker: random_id(),
            questions: Mutex::default(),
        }
    }

    /// A question to these clusters.
    pub fn question(&self, clusters: impl Iterator<Item = ClusterName>) -> Question<'_> {
        let heard: BTreeMap<_, _> = clusters.map(|cluster| (cluster, 0)).collect();
        // Of each cluster two are passed on at most, so that there is always room.
        let (waiting, answers) = mpsc::channel(2 * heard.len().max(1));
        let question = random_id();
        let asked = Asked {
            heard,
            waiting: Some(waiting),
        };
        self.questions().asked.insert(question.clone(), asked);
        let asker = self.asker.clone();
        Question {
            id: AnswerId { asker, question },
            answers,
            of: self,
        }
    }

    fn take_in(&self, from: FromAgent, message: Message) -> Fate {
        let FromAgent::Answer(cluster, id) = from else {
            return Fate::PassedOver;
        };
        let mut questions = self.questions();
        let Some(asked) = questions.asked.get_mut(&id.question) else {
            return Fate::PassedOver;
        };
        let Some(times) = asked.heard.get_mut(&cluster) else {
            return Fate::PassedOver;
        };
        *times = times.saturating_add(1);
        let (first, repeated) = (*times == 1, *times > 1);
        let passed_on = asked
            .waiting
            .as_ref()
            .filter(|_| *times <= 2)
            .is_some_and(|waiting| waiting.try_send((cluster.clone(), message)).is_ok());
        match (repeated, first && passed_on) {
            (true, _) => Fate::Repeated(cluster),
            (false, true) => Fate::PassedOn,
            (false, false) => Fate::PassedOver,
        }
    }

    fn over(&self, question: &StreamId) {
        let mut questions = self.questions();
        if let Some(asked) = questions.asked.get_mut(question) {
            asked.waiting = None;
        }
        questions.over.push_back(question.clone());
        if questions.over.len() > REMEMBERED
            && let Some(forgotten) = questions.over.pop_front()
        {
            questions.asked.remove(&forgotten);
        }
    }

    fn questions(&self) -> MutexGuard<'_, Questions> {
        self.questions.lock()
    }
}

impl Question<'_> {
    /// The next answer, of whichever cluster; the second one of a cluster too.
    pub async fn next(&mut self) -> Option<(ClusterName, Message)> {
        self.answers.recv().await
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.of.over(&self.id.question);
    }
}

/// Listens for answers from now on.
pub async fn hear_answers(fleet: Arc<Fleet>) {
    let mut answers = fleet.listen_for_answers().await;
    tokio::spawn(async move {
        loop {
            match &mut answers {
                Some(answers) => {
                    while let Some((from, message)) = answers.next().await {
                        fleet.hear_answer(from, message);
                    }
                }
                None => tokio::time::sleep(TRY_AGAIN_AFTER).await,
            }
            warn!("cannot subscribe to responses to fleet queries; retrying");
            answers = fleet.listen_for_answers().await;
        }
    });
}

impl Fleet {
    async fn listen_for_answers(self: &Arc<Self>) -> Option<AgentMessages> {
        let kind = Kind {
            // Over which the questions go: the broker knows of the subscription before them.
            bus: self.link.bus.clone(),
            name: "answers",
            pattern: subject::answers_to(&self.answers.asker),
            queue: None,
            limit: rate_limit::ANSWERS,
        };
        AgentMessages::open(&self.registry, &self.metrics, kind).await
    }

    fn hear_answer(&self, from: FromAgent, message: Message) {
        let subject = message.subject.clone();
        match self.answers.take_in(from, message) {
            Fate::PassedOn => {}
            Fate::PassedOver => {
                self.metrics.answered("late");
                debug!(%subject, "late or unknown response");
            }
            Fate::Repeated(cluster) => {
                self.metrics.answered("repeated");
                self.registry
                    .misbehaves(&cluster, "answered one question more than once", None);
            }
        }
    }
}

fn random_id() -> StreamId {
    let id = format!("{:032x}", rand::random::<u128>());
    id.parse().expect("hexadecimal digits are an id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str) -> ClusterName {
        name.parse().unwrap()
    }

    fn take_in(answers: &Answers, name: &str, id: &AnswerId) -> Fate {
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
    fn only_those_who_were_asked_are_passed_on_and_repeaters_are_named() {
        let answers = Answers::new();
        let mut question = answers.question([cluster("a"), cluster("b")].into_iter());
        let id = question.id.clone();
        assert_eq!(take_in(&answers, "c", &id), Fate::PassedOver);
        assert_eq!(take_in(&answers, "a", &id), Fate::PassedOn);
        for _ in 0..1000 {
            let repeated = take_in(&answers, "a", &id);
            assert_eq!(repeated, Fate::Repeated(cluster("a")));
        }
        // However often one repeats itself, there is room for the others.
        assert_eq!(take_in(&answers, "b", &id), Fate::PassedOn);
        let mut heard = Vec::new();
        while let Ok((cluster, _)) = question.answers.try_recv() {
            heard.push(cluster);
        }
        assert_eq!(heard, ["a", "a", "b"].map(cluster));
    }

    #[test]
    fn a_question_that_is_over_is_remembered_for_a_while_and_then_forgotten() {
        let answers = Answers::new();
        let clusters = || [cluster("a"), cluster("b")].into_iter();
        let first = answers.question(clusters());
        let id = first.id.clone();
        assert_eq!(take_in(&answers, "a", &id), Fate::PassedOn);
        drop(first);
        let repeated = Fate::Repeated(cluster("a"));
        assert_eq!(take_in(&answers, "a", &id), repeated);
        assert_eq!(take_in(&answers, "b", &id), Fate::PassedOver);
        for _ in 0..REMEMBERED {
            drop(answers.question(clusters()));
        }
        assert_eq!(take_in(&answers, "a", &id), Fate::PassedOver);
        assert_eq!(answers.questions().asked.len(), REMEMBERED);
    }
}
