//! The responses of a cluster to fleet queries.

use std::collections::BTreeSet;

use async_nats::{Message, Subscriber};
use bus_schema::subject::{self, FromAgent};
use bus_schema::{
    AnswerId, Fault, FaultCode, FleetQueryRequest, FleetQueryResponse, Health, Heartbeat,
    ImageCounts, PAGE_BYTES, Pattern, Scope, Sort, SortKey, StreamId, WorkloadFilter,
};
use futures::StreamExt;
use tokio::time::timeout;
use xtask::condition;

use crate::deployment::Target;
use crate::stage::{PATIENCE, Stage, read};

/// A requester of fleet queries.
struct Requester<'a> {
    stage: &'a Stage,
    answers: Subscriber,
    sent: u32,
}

impl<'a> Requester<'a> {
    async fn new(stage: &'a Stage) -> Self {
        let answers = stage
            .client
            .subscribe(subject::answers_to(&id("requester")))
            .await;
        Self {
            stage,
            answers: answers.expect("a subscription"),
            sent: 0,
        }
    }

    async fn put(&mut self, mut request: FleetQueryRequest) -> AnswerId {
        self.sent += 1;
        request.answer.question = id(&format!("q{}", self.sent));
        let question = serde_json::to_vec(&request).expect("JSON");
        self.put_text(question).await;
        request.answer
    }

    async fn put_text(&self, question: impl Into<bytes::Bytes>) {
        let subject = subject::FLEET_QUERY;
        let put = self.stage.client.publish(subject, question.into()).await;
        put.expect("a connection");
    }

    async fn next(&mut self) -> (AnswerId, Message) {
        let answer = timeout(PATIENCE, self.answers.next()).await;
        let answer = answer.expect("an answer in time").expect("a connection");
        match subject::parse(&answer.subject) {
            Some(FromAgent::Answer(cluster, id)) if cluster == self.stage.cluster => (id, answer),
            other => panic!("not the subject of this cluster's answers: {other:?}"),
        }
    }

    async fn ask(&mut self, request: FleetQueryRequest) -> Result<FleetQueryResponse, Fault> {
        let sent = self.put(request).await;
        let (answered, answer) = self.next().await;
        assert_eq!(answered, sent);
        read(&answer)
    }
}

fn id(text: &str) -> StreamId {
    text.parse().expect("an id")
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    let pattern = |text: &&str| text.parse().expect("a pattern");
    texts.iter().map(pattern).collect()
}

/// All deployments of these namespaces.
fn request(namespaces: &[&str]) -> FleetQueryRequest {
    FleetQueryRequest {
        answer: AnswerId {
            requester: id("requester"),
            question: id("q"),
        },
        scopes: vec![Scope {
            clusters: patterns(&["cluster-*"]),
            namespaces: patterns(namespaces),
        }],
        clusters: vec![],
        filter: WorkloadFilter::default(),
        sort: Sort::default(),
        limit: 100,
        bytes: 100_000,
        after: None,
        count_images: true,
        count_names: false,
    }
}

fn names(answer: &FleetQueryResponse) -> Vec<String> {
    let name =
        |item: &bus_schema::verb::WorkloadSummary| format!("{}/{}", item.namespace, item.name);
    answer.items.iter().map(name).collect()
}

async fn in_the_cache(requester: &mut Requester<'_>, namespaces: &[&str], deployments: u64) {
    condition::met("all in the cache", PATIENCE, async || {
        let answer = requester.ask(request(namespaces)).await?;
        Ok((answer.totals.workloads == deployments).then_some(()))
    })
    .await
    .expect("all in the cache");
}

pub async fn a_fleet_query_returns_and_counts_only_visible_and_matching_deployments(stage: &Stage) {
    Target::create(stage, "request-billing", "cart:1.4").await;
    Target::create(stage, "request-shop-a", "cart:1.4").await;
    Target::create_in(stage, "request-shop-a", "other", "cart:1.5").await;
    Target::create(stage, "request-hidden", "cart:1.4").await;
    let mut requester = Requester::new(stage).await;
    let all = ["request-billing", "request-shop-*"];
    in_the_cache(&mut requester, &all, 3).await;

    let answer = requester.ask(request(&all)).await.unwrap();
    assert_eq!(
        names(&answer),
        [
            "request-billing/my.app",
            "request-shop-a/my.app",
            "request-shop-a/other"
        ]
    );
    let ImageCounts(mut images) = answer.totals.images;
    images.sort();
    let counted = |(image, uses): (&str, u64)| (image.to_owned(), uses);
    let expected = [("cart:1.4", 2), ("cart:1.5", 1), ("side:1", 3)];
    assert_eq!(images, expected.map(counted));
    assert_eq!(answer.totals.health.values().sum::<u64>(), 3);

    let without_images = FleetQueryRequest {
        count_images: false,
        ..request(&all)
    };
    let totals = requester.ask(without_images).await.unwrap().totals;
    assert_eq!((totals.workloads, totals.images.0.len()), (3, 0));

    let filtered = |filter| FleetQueryRequest {
        filter,
        ..request(&all)
    };
    let none = WorkloadFilter::default;
    for (filter, expected) in [
        (
            WorkloadFilter {
                image: Some(":1.4".to_owned()),
                ..none()
            },
            vec!["request-billing/my.app", "request-shop-a/my.app"],
        ),
        (
            WorkloadFilter {
                namespaces: patterns(&["request-b*", "request-hidden"]),
                ..none()
            },
            vec!["request-billing/my.app"],
        ),
        (
            WorkloadFilter {
                label_selector: Some("app in (other),tier".to_owned()),
                ..none()
            },
            vec!["request-shop-a/other"],
        ),
        (
            WorkloadFilter {
                q: Some("the".to_owned()),
                image: Some("1.5".to_owned()),
                ..none()
            },
            vec!["request-shop-a/other"],
        ),
    ] {
        let answer = requester.ask(filtered(filter.clone())).await.unwrap();
        assert_eq!(names(&answer), expected, "{filter:?}");
        assert_eq!(answer.totals.workloads, expected.len() as u64);
    }
}

pub async fn a_cluster_that_is_not_selected_or_not_visible_does_not_answer(stage: &Stage) {
    let mut requester = Requester::new(stage).await;
    let others = FleetQueryRequest {
        clusters: patterns(&["cluster-b"]),
        ..request(&["*"])
    };
    let mut forbidden = request(&["*"]);
    forbidden.scopes[0].clusters = patterns(&["cluster-b"]);
    let mut invisible = request(&["*"]);
    invisible.scopes.clear();
    for silent in [others, forbidden, invisible] {
        requester.put(silent).await;
        // A response to the previous query would arrive before the response to a later one.
        requester.ask(request(&["*"])).await.unwrap();
    }
}

pub async fn pages_in_every_order_show_each_deployment_once(stage: &Stage) {
    let namespaces = ["request-page-a", "request-page-b"];
    for namespace in namespaces {
        let first = Target::create(stage, namespace, "cart:1.4").await;
        for number in 1..6 {
            let name = format!("d{number}");
            Target::create_in(stage, namespace, &name, "cart:1.4").await;
        }
        // One with a name that also exists in the other namespace, and the only one that was restarted.
        stage.ask(&first.restart(1)).await.unwrap();
    }
    let mut requester = Requester::new(stage).await;
    // They do not change any more, so that pages in every order are those of one list.
    let all = request(&["request-page-*"]);
    condition::met("all are rolled out", PATIENCE, async || {
        let totals = requester.ask(all.clone()).await?.totals;
        let healthy = totals.health.get(&Health::Healthy);
        Ok((healthy == Some(&12)).then_some(()))
    })
    .await
    .unwrap();
    for order in ["name", "-name", "age", "-age", "health", "-restarted_at"] {
        let sort: Sort = order.parse().unwrap();
        let (mut seen, mut keys) = (BTreeSet::new(), Vec::<SortKey>::new());
        loop {
            let answer = requester.ask(FleetQueryRequest {
                sort,
                limit: 5,
                after: keys.last().cloned(),
                ..all.clone()
            });
            let answer = answer.await.unwrap();
            assert_eq!(answer.totals.workloads, 12);
            seen.extend(names(&answer));
            keys.extend(answer.items.iter().map(|item| SortKey {
                rank: sort.rank(item.health, item.created_at, item.restarted_at),
                kind: item.kind,
                name: item.name.clone(),
                cluster: stage.cluster.clone(),
                namespace: item.namespace.clone(),
            }));
            if !answer.more {
                break;
            }
        }
        assert_eq!((seen.len(), keys.len()), (12, 12), "{order}");
        let in_order = |a: &SortKey, b: &SortKey| sort.compare(a.borrowed(), b.borrowed()).is_lt();
        assert!(keys.is_sorted_by(in_order), "{order}");
    }

    let cut = FleetQueryRequest {
        bytes: 1,
        ..all.clone()
    };
    let answer = requester.ask(cut).await.unwrap();
    assert_eq!((answer.items.len(), answer.more), (1, true));
    let large = FleetQueryRequest {
        bytes: u32::MAX,
        ..all.clone()
    };
    let answer = requester.ask(large).await.unwrap();
    assert!(serde_json::to_vec(&answer.items).unwrap().len() <= PAGE_BYTES);
}

pub async fn an_invalid_fleet_query_is_refused_on_its_reply_subject(stage: &Stage) {
    let mut requester = Requester::new(stage).await;
    for noise in [
        "",
        "{",
        "[]",
        r#"{"answer":{"asker":"a.b","question":">"}}"#,
    ] {
        requester.put_text(noise).await;
    }
    let newer = r#"{"answer":{"asker":"requester","question":"q0"},"scopes":"all of them"}"#;
    requester.put_text(newer).await;
    let (_, answer) = requester.next().await;
    let fault = read::<FleetQueryResponse>(&answer).unwrap_err();
    assert_eq!(fault.code, FaultCode::InvalidRequest);
    assert!(fault.message.starts_with("scopes"), "{fault}");

    for (field, wrong) in [
        (
            "limit",
            FleetQueryRequest {
                limit: 0,
                ..request(&["*"])
            },
        ),
        (
            "label_selector",
            FleetQueryRequest {
                filter: WorkloadFilter {
                    label_selector: Some("a in".to_owned()),
                    ..WorkloadFilter::default()
                },
                ..request(&["*"])
            },
        ),
    ] {
        let fault = requester.ask(wrong).await.unwrap_err();
        assert_eq!(fault.code, FaultCode::InvalidRequest);
        assert!(fault.message.starts_with(field), "{fault}");
    }
}

pub async fn two_agents_of_a_cluster_answer_once(stage: &Stage) {
    let heartbeats = stage.client.subscribe(subject::HEARTBEATS).await.unwrap();
    let second = stage.agent();
    let instances = heartbeats.scan(BTreeSet::new(), |instances, message| {
        let heartbeat: Heartbeat = serde_json::from_slice(&message.payload).expect("a heartbeat");
        instances.insert(heartbeat.instance);
        std::future::ready(Some(instances.len()))
    });
    let mut both = std::pin::pin!(instances.filter(|count| std::future::ready(*count == 2)));
    timeout(PATIENCE, both.next()).await.expect("two agents");
    let mut requester = Requester::new(stage).await;
    // Each response must belong to the previous query: a duplicate response would be found here.
    for _ in 0..20 {
        let sent = requester.put(request(&["*"])).await;
        let (answered, _) = requester.next().await;
        assert_eq!(answered, sent);
    }
    second.left().await;
}
