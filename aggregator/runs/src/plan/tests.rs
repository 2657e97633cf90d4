use super::*;
use crate::{Amount, Canary};

fn candidates(clusters: &[(&str, usize)]) -> Vec<Candidate> {
    let of = |(cluster, count): &(&str, usize)| {
        let cluster: ClusterName = cluster.parse().unwrap();
        let candidate = move |number| Candidate {
            cluster: cluster.clone(),
            workload: WorkloadRef::deployment(
                "shop".parse().unwrap(),
                format!("app-{number}").parse().unwrap(),
            ),
            replicas: 2,
            paused: false,
            recreate: false,
            on_delete: false,
            health: Health::Healthy,
        };
        (0..*count).map(candidate).collect::<Vec<_>>()
    };
    clusters.iter().flat_map(of).collect()
}

fn strategy(max_concurrency: Amount, per_cluster: u32) -> Strategy {
    Strategy {
        max_concurrency,
        max_concurrency_per_cluster: per_cluster,
        canary: None,
        ..Strategy::default()
    }
}

fn stage(name: &str, clusters: &[&str], approval: bool) -> Stage {
    Stage {
        name: name.to_owned(),
        clusters: clusters.iter().map(|text| text.parse().unwrap()).collect(),
        cluster_label_selector: None,
        approval,
    }
}

fn plan(candidates: &[Candidate], strategy: &Strategy) -> Plan {
    Plan::new(candidates, strategy, &FleetLabels::default()).unwrap()
}

#[test]
fn a_wave_is_spread_over_clusters_and_neither_limit_is_exceeded() {
    let candidates = candidates(&[("a", 10), ("b", 4), ("c", 1)]);
    let plan = plan(&candidates, &strategy(Amount::Count(5), 2));
    assert_eq!(plan.targets.len(), 15);
    for wave in 0..plan.waves() {
        let of_wave = plan.targets.iter().filter(|target| target.wave == wave);
        let mut by_cluster = BTreeMap::<&ClusterName, u32>::new();
        of_wave.for_each(|target| *by_cluster.entry(&target.cluster).or_default() += 1);
        assert!(by_cluster.values().sum::<u32>() <= 5);
        assert!(
            by_cluster.values().all(|count| *count <= 2),
            "{by_cluster:?}"
        );
    }
    let first: Vec<_> = plan
        .targets
        .iter()
        .take(5)
        .map(|target| target.cluster.as_str())
        .collect();
    assert_eq!(first, ["a", "b", "c", "a", "b"]);
    let workloads: BTreeSet<_> = plan
        .targets
        .iter()
        .map(|it| (&it.cluster, &it.workload))
        .collect();
    assert_eq!(workloads.len(), 15, "each once");
}

#[test]
fn no_cluster_is_left_for_the_end_because_of_its_name() {
    let candidates = candidates(&[("a", 4), ("b", 4), ("c", 4)]);
    let plan = plan(&candidates, &strategy(Amount::Count(2), 1));
    let last: BTreeSet<_> = plan
        .targets
        .iter()
        .filter(|target| target.wave >= 3)
        .map(|target| target.cluster.as_str())
        .collect();
    assert_eq!(last, BTreeSet::from(["a", "b", "c"]));
}

#[test]
fn a_canary_comes_first_and_its_approval_is_needed_for_what_follows() {
    let candidates = candidates(&[("a", 6), ("b", 6)]);
    let mut strategy = strategy(Amount::Count(5), 5);
    strategy.canary = Some(Canary {
        count: 2,
        approval: true,
    });
    let planned = plan(&candidates, &strategy);
    let stages: Vec<_> = planned
        .stages
        .iter()
        .map(|it| {
            (
                it.name.as_str(),
                it.first_wave,
                it.approval,
                &it.wave_sizes[..],
            )
        })
        .collect();
    assert_eq!(
        stages,
        [("canary", 0, false, &[2][..]), ("rest", 1, true, &[5, 5])]
    );

    strategy.canary = Some(Canary {
        count: 12,
        approval: true,
    });
    assert_eq!(
        plan(&candidates, &strategy).stages.len(),
        1,
        "nothing would follow it"
    );
}

#[test]
fn stages_follow_each_other_and_the_first_that_selects_a_cluster_takes_it() {
    let candidates = candidates(&[("eu-1", 2), ("eu-2", 2), ("us-1", 2)]);
    let mut strategy = strategy(Amount::Count(10), 10);
    strategy.stages = vec![
        stage("two", &["eu-2"], false),
        stage("eu", &["eu-*"], true),
        stage("rest", &[], false),
    ];
    let planned = plan(&candidates, &strategy);
    let clusters: Vec<_> = planned
        .targets
        .iter()
        .map(|target| target.cluster.as_str())
        .collect();
    assert_eq!(clusters, ["eu-2", "eu-2", "eu-1", "eu-1", "us-1", "us-1"]);
    assert_eq!(
        planned
            .stages
            .iter()
            .map(|it| it.approval)
            .collect::<Vec<_>>(),
        [false, true, false]
    );

    let field = |stages| {
        strategy.stages = stages;
        Plan::new(&candidates, &strategy, &FleetLabels::default())
            .unwrap_err()
            .field
            .unwrap()
    };
    let mut field = field;
    assert_eq!(
        field(vec![stage("eu", &["eu-*"], false)]),
        "strategy.stages"
    );
    assert_eq!(
        field(vec![
            stage("ap", &["ap-*"], false),
            stage("rest", &[], false)
        ]),
        "strategy.stages[0]"
    );
}

#[test]
fn warnings_count_what_a_careful_operator_would_look_at() {
    let mut candidates = candidates(&[("a", 4)]);
    candidates[0].replicas = 1;
    candidates[1].health = Health::Failed;
    candidates[2].health = Health::Progressing;
    candidates[3].recreate = true;
    let kinds: Vec<_> = warnings(&candidates)
        .into_iter()
        .map(|warning| (warning.kind, warning.targets))
        .collect();
    assert_eq!(
        kinds,
        [
            (WarningKind::OneReplica, 1),
            (WarningKind::Recreate, 1),
            (WarningKind::Unhealthy, 1),
            (WarningKind::InRollout, 1)
        ]
    );
}
