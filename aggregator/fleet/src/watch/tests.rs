use std::collections::BTreeSet;

use bus_schema::{ClusterName, Pattern, Right, WorkloadKind, WorkloadRef};
use futures::FutureExt as _;

use super::*;
use identity::{Grant, Grants};
use labels::{FleetLabels, parse_label};

fn view(clusters: &str, namespaces: &str) -> View {
    let pattern = |text: &str| -> Vec<Pattern> { vec![text.parse().expect("a pattern")] };
    let grant = Grant {
        role: "viewer".to_owned(),
        rights: BTreeSet::from([Right::Read]),
        clusters: pattern(clusters),
        cluster_labels: None,
        namespaces: pattern(namespaces),
    };
    View {
        grants: Arc::new(Grants::new([grant].into(), Arc::default())),
        clusters: Vec::new(),
        selected: None,
        namespaces: Vec::new(),
    }
}

fn cluster(name: &str) -> ClusterName {
    name.parse().expect("a name")
}

/// An event that a workload, named by its number, is gone.
fn event(cluster_name: &str, namespace: &str, number: usize) -> Event {
    let gone = WorkloadRef {
        namespace: namespace.parse().expect("a namespace"),
        kind: WorkloadKind::Deployment,
        name: format!("d{number}").parse().expect("a name"),
    };
    Event::gone(&cluster(cluster_name), gone)
}

fn reader(hub: &Arc<Hub>, view: &View, last_id: Option<&str>) -> Reader {
    hub.read(view.clone(), last_id.map(str::as_bytes))
}

/// Reads all events available now.
fn read(reader: &mut Reader) -> Vec<Delivered> {
    std::iter::from_fn(|| reader.next().now_or_never()).collect()
}

fn names(delivered: &[Delivered]) -> Vec<&'static str> {
    delivered.iter().map(|delivered| delivered.name).collect()
}

fn fill(hub: &Hub) -> usize {
    let filling = ring::BYTES / event("a", "pay", 0).bytes() + 1;
    (0..filling).for_each(|number| hub.publish(event("a", "pay", number)));
    filling
}

#[test]
fn a_reader_resumes_just_after_any_event_that_it_knows() {
    let (hub, all) = (Arc::<Hub>::default(), view("*", "*"));
    let mut first = reader(&hub, &all, None);
    (0..10).for_each(|number| hub.publish(event("a", "pay", number)));
    let delivered = read(&mut first);
    assert_eq!(&*delivered[0].data, r#"{"reason":"started"}"#);
    assert_eq!(delivered.len(), 11);
    for known in 0..delivered.len() {
        let mut second = reader(&hub, &all, Some(&delivered[known].id));
        let again = read(&mut second);
        assert_eq!(
            (again[0].name, &again[0].id),
            ("resumed", &delivered[known].id)
        );
        assert_eq!(again[1..], delivered[known + 1..]);
    }
}

#[test]
fn a_stream_that_cannot_be_resumed_starts_again_with_the_reason() {
    let (hub, all) = (Arc::<Hub>::default(), view("*", "*"));
    let id = read(&mut reader(&hub, &all, None)).remove(0).id;
    let (epoch, number) = id.split_once('-').expect("two parts");
    let ahead = hub.ids.id(epoch, 1);
    let mut other_epoch = id.clone();
    other_epoch.replace_range(..1, if id.starts_with('0') { "1" } else { "0" });
    for unknown in [
        "",
        "-",
        "x",
        number,
        epoch,
        &ahead,
        &other_epoch,
        "0-18446744073709551616",
    ] {
        let delivered = read(&mut reader(&hub, &all, Some(unknown)));
        assert_eq!(
            &*delivered[0].data, r#"{"reason":"unknown_id"}"#,
            "{unknown}"
        );
    }
    // Another view has other ids, so its stream cannot be resumed here.
    let mut other = reader(&hub, &view("*", "pay"), Some(&id));
    assert_eq!(&*read(&mut other)[0].data, r#"{"reason":"unknown_id"}"#);
    fill(&hub);
    let mut late = reader(&hub, &all, Some(&id));
    assert_eq!(&*read(&mut late)[0].data, r#"{"reason":"too_old"}"#);
}

#[test]
fn a_slow_reader_gets_a_gap_and_the_others_miss_nothing() {
    let (hub, all) = (Arc::<Hub>::default(), view("*", "*"));
    let (mut slow, mut fast) = (reader(&hub, &all, None), reader(&hub, &all, None));
    assert_eq!(names(&read(&mut slow)), ["reset"]);
    assert_eq!(names(&read(&mut fast)), ["reset"]);
    let mut seen = 0;
    for number in 0..fill(&hub) * 2 {
        hub.publish(event("b", "pay", number));
        if number == 0 {
            // It has fallen behind too by now, and catches up.
            assert_eq!(names(&read(&mut fast)), ["gap"]);
            continue;
        }
        let delivered = read(&mut fast);
        assert!(delivered.len() == 1 && delivered[0].data.contains(&format!(r#""d{number}""#)));
        seen += 1;
    }
    assert!(seen > 1000);
    let delivered = read(&mut slow);
    assert_eq!(
        (names(&delivered), &*delivered[0].data),
        (vec!["gap"], "{}")
    );
    hub.publish(event("b", "pay", 0));
    assert_eq!(names(&read(&mut slow)), ["workload"]);
    let ring = hub.ring();
    assert!(ring.end() - ring.begin() > 1000, "it is not emptied either");
}

#[test]
fn no_reader_learns_of_invisible_events_or_their_number() {
    let hub = Arc::<Hub>::default();
    let mut pay = reader(&hub, &view("a", "pay"), None);
    let mut admin = reader(&hub, &view("*", "*"), None);
    read(&mut pay);
    read(&mut admin);
    hub.publish(event("a", "secret", 1));
    hub.publish(event("a", "pay", 2));
    hub.publish(event("b", "pay", 3));
    hub.publish(Event::forgotten(cluster("b")));
    hub.publish(Event::gap(cluster("a"), Some(7)));
    hub.publish(Event::gap(cluster("b"), Some(7)));
    assert_eq!(read(&mut admin).len(), 6);
    let delivered = read(&mut pay);
    assert_eq!(names(&delivered), ["workload", "gap"]);
    assert!(delivered[0].data.contains(r#""d2""#));
    // Some of the seven may belong to other namespaces.
    assert_eq!(&*delivered[1].data, r#"{"cluster":"a"}"#);
    let mut whole = reader(&hub, &view("a", "*"), None);
    read(&mut whole);
    hub.publish(Event::gap(cluster("a"), Some(7)));
    assert_eq!(&*read(&mut whole)[0].data, r#"{"cluster":"a","missed":7}"#);
}

#[test]
fn a_reader_gets_what_it_selected() {
    let hub = Arc::<Hub>::default();
    let mut wanted = view("*", "*");
    wanted.clusters = vec!["prod-*".parse().expect("a pattern")];
    wanted.namespaces = vec!["pay".parse().expect("a pattern")];
    let mut reader = reader(&hub, &wanted, None);
    read(&mut reader);
    hub.publish(event("prod-a", "pay", 1));
    hub.publish(event("prod-a", "shop", 2));
    hub.publish(event("dev", "pay", 3));
    hub.publish(Event::forgotten(cluster("prod-b")));
    hub.publish(Event::forgotten(cluster("dev")));
    assert_eq!(names(&read(&mut reader)), ["workload", "cluster_gone"]);
}

#[tokio::test]
async fn a_reader_of_some_labels_gets_those_clusters_and_a_reset_when_the_selection_changes() {
    let labels = tokio::sync::watch::Sender::new(labelled(&[("a", "env=prod"), ("b", "env=dev")]));
    let hub = Arc::<Hub>::default();
    let mut wanted = view("*", "*");
    let selector = "env=prod".parse().expect("a selector");
    wanted.selected = Some(SelectedClusters::new(selector, labels.subscribe()));
    let mut reader = reader(&hub, &wanted, None);
    let id = read(&mut reader).remove(0).id;
    for name in ["a", "b", "c"] {
        hub.publish(event(name, "pay", 1));
    }
    assert_eq!(names(&read(&mut reader)), ["workload"]);
    // Label changes without effect on the selection are ignored; others wake the reader up.
    labels.send_replace(labelled(&[("a", "env=prod,x=y"), ("b", "env=dev")]));
    assert_eq!(names(&read(&mut reader)), [""; 0]);
    let (delivered, _) = tokio::join!(reader.next(), async {
        labels.send_replace(labelled(&[("b", "env=prod")]))
    });
    assert_eq!((delivered.name, &*delivered.data), ("gap", "{}"));
    for name in ["a", "b", "c"] {
        hub.publish(event(name, "pay", 2));
    }
    let delivered = read(&mut reader);
    assert!(delivered.len() == 1 && delivered[0].data.contains(r#""cluster":"b""#));
    // Events that were left out in the meantime cannot be resumed from.
    let selector = "env=prod".parse().expect("a selector");
    wanted.selected = Some(SelectedClusters::new(selector, labels.subscribe()));
    let again = hub.read(wanted, Some(id.as_bytes())).next().await;
    assert_eq!(&*again.data, r#"{"reason":"unknown_id"}"#);
}

fn fleet_labels(clusters: &[(&str, &str)]) -> FleetLabels {
    let label = |text| parse_label(text).expect("a label");
    let clusters = clusters.iter().map(|(cluster, text)| {
        let labels = text.split(',').map(label).collect();
        (cluster.parse().expect("a name"), labels)
    });
    clusters.collect()
}

fn labelled(labels: &[(&str, &str)]) -> Arc<FleetLabels> {
    Arc::new(fleet_labels(labels))
}

#[tokio::test]
async fn a_reader_that_waits_is_woken() {
    let (hub, all) = (Arc::<Hub>::default(), view("*", "*"));
    let mut reader = reader(&hub, &all, None);
    read(&mut reader);
    let (delivered, ()) = tokio::join!(reader.next(), async { hub.publish(event("a", "pay", 1)) });
    assert_eq!(delivered.name, "workload");
}
