use std::sync::Arc;

use super::*;
use labels::{FleetLabels, parse_label};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const RIGHTS: [Right; 4] = [Right::Read, Right::Logs, Right::Restart, Right::Audit];

fn pattern(text: &str) -> Pattern {
    Pattern::try_from(text.to_owned()).expect("a pattern")
}

fn grant(rights: &[Right], clusters: &[&str], namespaces: &[&str]) -> Grant {
    Grant {
        role: "some".to_owned(),
        rights: rights.iter().copied().collect(),
        clusters: clusters.iter().map(|text| pattern(text)).collect(),
        cluster_labels: None,
        namespaces: namespaces.iter().map(|text| pattern(text)).collect(),
    }
}

/// Where no cluster has labels.
fn grants_of(granted: Vec<Grant>) -> Grants {
    Grants::new(granted.into(), Arc::default())
}

fn cluster(text: &str) -> ClusterName {
    text.parse().expect("a cluster name")
}

fn namespace(text: &str) -> Namespace {
    text.parse().expect("a namespace")
}

fn fleet_labels(clusters: &[(&str, &str)]) -> FleetLabels {
    let label = |text| parse_label(text).expect("a label");
    let clusters = clusters.iter().map(|(cluster, text)| {
        let labels = text.split(',').map(label).collect();
        (cluster.parse().expect("a name"), labels)
    });
    clusters.collect()
}

#[test]
fn a_grant_reaches_its_clusters_and_namespaces_and_no_others() {
    let grants = grants_of(vec![grant(
        &[Right::Restart],
        &["prod-*"],
        &["pay", "shop-*"],
    )]);
    let may = |c, n| grants.may(Right::Restart, &cluster(c), Some(&namespace(n)));
    assert!(may("prod-eu", "pay"));
    assert!(may("prod-eu", "shop-web"));
    assert!(!may("prod-eu", "payment"));
    assert!(!may("test-eu", "pay"));
    assert!(!may("prod", "pay"));
    assert!(!grants.may(Right::Read, &cluster("prod-eu"), Some(&namespace("pay"))));
}

#[test]
fn two_grants_are_not_mixed_into_a_third() {
    let grants = grants_of(vec![
        grant(&[Right::Restart], &["a"], &["x"]),
        grant(&[Right::Read], &["b"], &["y"]),
    ]);
    assert!(!grants.may(Right::Restart, &cluster("b"), Some(&namespace("x"))));
    assert!(!grants.may(Right::Restart, &cluster("a"), Some(&namespace("y"))));
    assert!(!grants.may(Right::Read, &cluster("a"), None));
}

fn labelled(selector: &str, labels: &[(&str, &str)]) -> Grants {
    let mut granted = grant(&[Right::Read, Right::Enroll], &["*"], &["*"]);
    granted.cluster_labels = Some(selector.parse().expect("a selector"));
    Grants::new([granted].into(), Arc::new(fleet_labels(labels)))
}

#[test]
fn a_grant_by_labels_reaches_the_clusters_that_have_them_and_no_others() {
    let labels = [("a", "env=prod,region=eu"), ("b", "env=dev"), ("c", "x=y")];
    let seen = |selector: &str| -> Vec<&str> {
        let grants = labelled(selector, &labels);
        let names = ["a", "b", "c", "d"].into_iter();
        names.filter(|name| grants.sees(&cluster(name))).collect()
    };
    assert_eq!(seen("env=prod"), ["a"]);
    assert_eq!(seen("env in (prod,dev),region!=eu"), ["b"]);
    // One without labels, as a cluster has whose labels are not known, is never meant.
    assert_eq!(seen("env!=prod"), ["b", "c"]);
    assert_eq!(seen("!env"), ["c"]);
    let grants = labelled("env", &labels);
    assert!(!grants.everywhere(Right::Enroll));
    let [scope] = &grants.scopes(Right::Read)[..] else {
        panic!("one scope");
    };
    let named: Vec<_> = scope.clusters.iter().map(Pattern::as_str).collect();
    assert_eq!(named, ["a", "b"]);
}

#[test]
fn names_and_labels_of_a_grant_must_both_fit() {
    let mut granted = grant(&[Right::Read], &["prod-*"], &["*"]);
    granted.cluster_labels = "region=eu".parse().ok();
    let labels = [
        ("prod-a", "region=eu"),
        ("prod-b", "region=us"),
        ("dev", "region=eu"),
    ];
    let grants = Grants::new([granted].into(), Arc::new(fleet_labels(&labels)));
    let seen = ["prod-a", "prod-b", "dev"].map(|name| grants.sees(&cluster(name)));
    assert_eq!(seen, [true, false, false]);
}

#[test]
fn grants_hold_until_a_label_changes_what_they_come_to() {
    let grants = labelled("env=prod", &[("a", "env=prod"), ("b", "env=dev")]);
    let holds = |labels: &[(&str, &str)]| grants.holds_with(&fleet_labels(labels));
    assert!(holds(&[
        ("a", "env=prod,x=y"),
        ("b", "env=test"),
        ("c", "x=y")
    ]));
    assert!(!holds(&[("a", "env=dev"), ("b", "env=dev")]));
    assert!(!holds(&[("a", "env=prod"), ("b", "env=prod")]));
    assert!(!holds(&[("b", "env=dev")]));
    assert!(!holds(&[
        ("a", "env=prod"),
        ("b", "env=dev"),
        ("c", "env=prod")
    ]));
}

#[test]
fn what_belongs_to_no_cluster_needs_a_grant_for_all_of_them() {
    let part = grants_of(vec![grant(&[Right::Audit], &["*"], &["a*"])]);
    assert!(!part.everywhere(Right::Audit));
    let all = grants_of(vec![grant(&[Right::Audit], &["*"], &["*"])]);
    assert!(all.everywhere(Right::Audit));
    assert!(!all.everywhere(Right::Enroll));
}

fn some_pattern() -> impl Strategy<Value = Pattern> {
    "[ab*]{1,4}".prop_map(|text| pattern(&text))
}

prop_compose! {
    fn some_grant()(
        rights in vec(select(RIGHTS.to_vec()), 0..4),
        clusters in vec(some_pattern(), 0..3),
        namespaces in vec(some_pattern(), 0..3),
    ) -> Grant {
        Grant { role: "some".to_owned(), rights: rights.into_iter().collect(), clusters, cluster_labels: None, namespaces }
    }
}

proptest! {
    #[test]
    fn nobody_may_anything_unless_one_grant_says_all_of_it(
        grants in vec(some_grant(), 0..4), right in select(RIGHTS.to_vec()), c in "[ab]{1,4}", n in "[ab]{1,4}",
    ) {
        let said = grants.iter().any(|grant| {
            grant.rights.contains(&right)
                && grant.clusters.iter().any(|p| p.matches(&c))
                && grant.namespaces.iter().any(|p| p.matches(&n))
        });
        prop_assert_eq!(grants_of(grants).may(right, &cluster(&c), Some(&namespace(&n))), said);
    }

    #[test]
    fn one_more_grant_never_takes_anything_away(
        grants in vec(some_grant(), 0..4), more in some_grant(), right in select(RIGHTS.to_vec()),
        c in "[ab]{1,4}", n in "[ab]{1,4}",
    ) {
        let (c, n) = (cluster(&c), namespace(&n));
        let before = grants_of(grants.clone()).may(right, &c, Some(&n));
        let after = grants_of([grants, vec![more]].concat()).may(right, &c, Some(&n));
        prop_assert!(after || !before);
    }

    #[test]
    fn whoever_may_read_in_a_namespace_sees_its_cluster(
        grants in vec(some_grant(), 0..4), c in "[ab]{1,4}", n in "[ab]{1,4}",
    ) {
        let (grants, c) = (grants_of(grants), cluster(&c));
        if grants.may(Right::Read, &c, Some(&namespace(&n))) {
            prop_assert!(grants.sees(&c));
        }
    }

    #[test]
    fn a_right_granted_everywhere_holds_for_every_name(
        grants in vec(some_grant(), 0..4), right in select(RIGHTS.to_vec()),
        c in "[a-z0-9]{1,10}", n in "[a-z0-9]{1,10}",
    ) {
        let grants = grants_of(grants);
        if grants.everywhere(right) {
            prop_assert!(grants.may(right, &cluster(&c), Some(&namespace(&n))));
        }
    }
}
