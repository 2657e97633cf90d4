use super::*;

fn labels(text: &str) -> Labels {
    let labels = text.split(',').filter(|label| !label.is_empty());
    labels
        .map(|label| parse_label(label).expect("a label"))
        .collect()
}

fn patch(json: &str) -> LabelPatch {
    serde_json::from_str(json).expect("a patch")
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
fn a_patch_sets_replaces_and_removes_and_leaves_the_others() {
    let before = labels("env=dev,old=1,team=x");
    let patch = patch(r#"{"env":"prod","old":null,"region":"eu","absent":null}"#);
    let after = before.patched(&patch).unwrap();
    assert_eq!(after, labels("env=prod,region=eu,team=x"));
    assert_eq!(
        patch.to_string(),
        "absent removed, env=prod, old removed, region=eu"
    );
}

#[test]
fn there_are_at_most_so_many() {
    let many = |count: usize| {
        let label = |n| parse_label(&format!("l{n}=x")).expect("a label");
        LabelPatch::from((0..count).map(label).collect::<Labels>())
    };
    assert!(Labels::default().patched(&many(LABELS_PER_CLUSTER)).is_ok());
    let error = Labels::default().patched(&many(LABELS_PER_CLUSTER + 1));
    let problem = Problem::from(error.unwrap_err());
    assert_eq!(problem.field.as_deref(), Some("labels"));
}

#[test]
fn what_is_no_label_is_refused() {
    for text in ["env", "=prod", "en v=prod", "env=a b", "env=-"] {
        assert!(parse_label(text).is_err(), "{text}");
    }
    for json in [r#"{"a b":"x"}"#, r#"{"a":"x y"}"#, r#"{"a":1}"#, "[]"] {
        assert!(serde_json::from_str::<LabelPatch>(json).is_err(), "{json}");
        assert!(serde_json::from_str::<Labels>(json).is_err(), "{json}");
    }
}

#[test]
fn a_selector_decides_as_kubernetes_does() {
    let selects = |selector: &str, text: &str| {
        let selector: ClusterSelector = selector.parse().expect("a selector");
        selector.selects(&labels(text))
    };
    for selector in ["env=prod", "env", "env in (prod,dev)", "region!=us", "!old"] {
        assert!(selects(selector, "env=prod,region=eu"), "{selector}");
    }
    for selector in ["env=dev", "!env", "old", "region notin (eu)"] {
        assert!(!selects(selector, "env=prod,region=eu"), "{selector}");
    }
    assert!(selects("env!=prod", "") && !selects("env", ""));
}

#[test]
fn what_has_changed_is_told_by_cluster() {
    let before = fleet_labels(&[("a", "env=prod"), ("b", "env=dev"), ("c", "x=y")]);
    let after = fleet_labels(&[("a", "env=prod"), ("b", "env=prod"), ("d", "x=y")]);
    let changed = after.changed_since(&before);
    let changed: Vec<_> = changed.iter().map(ClusterName::as_str).collect();
    assert_eq!(changed, ["b", "c", "d"]);
}
