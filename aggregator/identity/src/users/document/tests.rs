use super::*;
use crate::Grants;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$XV1dXV1dXV1dXV1dXV1dXQ$1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dU";

/// A file in which `HASH` stands for a hash.
fn read(text: &str) -> Result<Directory, DocumentError> {
    parse(&text.replace("HASH", HASH))
}

fn refusal(text: &str) -> DocumentError {
    read(text).expect_err("a mistake in it")
}

#[test]
fn a_file_names_people_with_their_grants() {
    let directory = read(
        r#"{ "users": { "ana": { "password_hash": "HASH",
               "grants": [ { "role": "restarter", "clusters": ["prod-*"], "namespaces": ["pay", "shop-*"] } ] } },
             "roles": { "restarter": ["read", "logs", "restart"] } }"#,
    )
    .unwrap();
    let ana = directory.find("ana").unwrap();
    let grants = Grants::new(Arc::clone(&ana.grants), Arc::default());
    let (cluster, pay) = ("prod-eu".parse().unwrap(), "pay".parse().unwrap());
    assert!(grants.may(Right::Restart, &cluster, Some(&pay)));
    assert!(!grants.may(Right::Scale, &cluster, Some(&pay)));
    assert_eq!(ana.password_hash.expose(), HASH);
    assert!(directory.find("bob").is_none());
}

#[test]
fn a_role_of_the_file_may_stand_after_the_people_who_have_it() {
    let directory = read(
        r#"{ "users": { "ci": { "password_hash": "HASH", "grants": [ { "role": "deployer", "clusters": ["*"], "namespaces": ["*"] } ] } },
             "roles": { "deployer": ["image"] } }"#,
    )
    .unwrap();
    let ci = directory.find("ci").unwrap();
    let grants = Grants::new(Arc::clone(&ci.grants), Arc::default());
    assert!(grants.everywhere(Right::Image));
    assert!(!grants.everywhere(Right::Read));
}

#[test]
fn a_grant_names_clusters_by_their_names_by_their_labels_or_both() {
    let granted = |clusters: &str| {
        let text = r#"{"users": {"ana": {"password_hash": "HASH", "grants": [{"role": "viewer", CLUSTERS, "namespaces": ["*"]}]}}}"#;
        let directory = read(&text.replace("CLUSTERS", clusters)).expect(clusters);
        let ana = directory.find("ana").unwrap();
        let [grant] = &ana.grants[..] else {
            panic!("one grant")
        };
        grant.clone()
    };
    let by_name = granted(r#""clusters": ["a"]"#);
    assert_eq!(by_name.cluster_labels, None);
    let by_label = granted(r#""cluster_labels": "env=prod""#);
    assert_eq!(by_label.clusters, [Pattern::all()]);
    assert_eq!(by_label.cluster_labels, "env=prod".parse().ok());
    let by_both = granted(r#""clusters": ["a-*"], "cluster_labels": "env=prod""#);
    assert_eq!(by_both.clusters, ["a-*".parse().unwrap()]);
    assert!(by_both.cluster_labels.is_some());
}

#[test]
fn an_unknown_role_is_refused_at_its_place() {
    let error = refusal(
        "{ \"users\": { \"ana\": { \"password_hash\": \"HASH\",\n  \"grants\": [ { \"role\": \"root\", \"clusters\": [\"*\"], \"namespaces\": [\"*\"] } ] } } }",
    );
    assert_eq!((error.line, error.column), (2, 25));
    assert!(
        error.reason.contains("root") && error.reason.contains("viewer"),
        "{error}"
    );
}

#[test]
fn each_mistake_is_refused_on_its_line() {
    let user = |rest: &str| {
        format!("{{\"users\": {{\n\"ana\": {{\n\"password_hash\": \"HASH\",\n{rest}\n}}\n}} }}")
    };
    for (text, line, word) in [
        ("{", 1, "EOF"),
        ("{\"users\": {}}\n{}", 2, "trailing"),
        ("{\n\"user\": {}}", 2, "user"),
        ("{\n\"users\": {}, \"users\": {}}", 2, "duplicate"),
        (
            "{\"users\": {},\n\"roles\": {\"admin\": [\"read\"]}}",
            2,
            "built-in",
        ),
        ("{\"users\": {},\n\"roles\": {\"x\": [\"fly\"]}}", 2, "fly"),
        ("{\"users\": {\n\"a b\": {}}}", 2, "name"),
        ("{\"users\": {\n\"\": {}}}", 2, "name"),
        (&user("\"grants\": [], \"admin\": true"), 4, "admin"),
        (&user("\"grants\": 7"), 4, "grants"),
        (
            &user(
                "\"grants\": [{\"role\": \"viewer\", \"clusters\": [\"A.*\"], \"namespaces\": [\"*\"]}]",
            ),
            4,
            "clusters[0]",
        ),
        (
            &user(
                "\"grants\": [{\"role\": \"viewer\", \"clusters\": [], \"namespaces\": [\"*\"]}]",
            ),
            4,
            "nothing",
        ),
        (
            &user(
                "\"grants\": [{\"role\": \"viewer\", \"cluster_labels\": \"env in\", \"namespaces\": [\"*\"]}]",
            ),
            4,
            "cluster_labels: expected ( at position 6",
        ),
        (
            &user(
                "\"grants\": [{\"role\": \"viewer\", \"cluster_labels\": \" \", \"namespaces\": [\"*\"]}]",
            ),
            4,
            "cluster_labels: an empty selector",
        ),
        (
            &user(
                "\"grants\": [{\"role\": \"viewer\", \"cluster_labels\": null, \"namespaces\": [\"*\"]}]",
            ),
            4,
            "cluster_labels",
        ),
        (
            &user("\"grants\": [{\"role\": \"viewer\", \"namespaces\": [\"*\"]}]"),
            4,
            "\"cluster_labels\" or both",
        ),
        (
            &user("\"grants\": [{\"role\": 7, \"clusters\": [], \"namespaces\": [\"*\"]}]"),
            4,
            "string",
        ),
        (
            "{\"users\": {\"ana\": {\"password_hash\": \"HASH\", \"grants\": []},\n\"ana\": {\"password_hash\": \"HASH\", \"grants\": []}}}",
            2,
            "twice",
        ),
    ] {
        let error = refusal(text);
        assert_eq!(error.line, line, "{text}: {error}");
        assert!(error.reason.contains(word), "{text}: {error}");
    }
}

#[test]
fn a_password_in_the_place_of_anything_else_is_not_repeated() {
    for text in [
        r#"{"users": {"ana": {"password_hash": "canary-7", "grants": []}}}"#,
        r#"{"users": {"ana": "canary-7"}}"#,
        r#"{"users": "canary-7"}"#,
        r#"{"users": {"ana": {"password_hash": ["canary-7"], "grants": []}}}"#,
        r#"{"users": {"ana": {"password_hash": "HASH", "grants": "canary-7, expected canary-7"}}}"#,
    ] {
        let error = refusal(text);
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[test]
fn hashes_are_not_shown() {
    let directory = read(r#"{"users": {"ana": {"password_hash": "HASH", "grants": []}}}"#).unwrap();
    let shown = format!("{directory:?}");
    assert!(
        shown.contains("ana") && !shown.contains("argon2"),
        "{shown}"
    );
}
