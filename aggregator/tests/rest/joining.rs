//! One-time links that join a cluster.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::future::join_all;
use identity::password::{Password, hash};
use identity::sessions::Token;
use serde_json::json;
use xtask::control_plane::ControlPlane;
use xtask::required;

use crate::service::{Answer, Service};
use crate::stack::{RunningAgent, Stack};

const NAMESPACE: &str = "--namespace=multi-cluster-aggregator";

/// The path of a new link for this cluster.
pub async fn link(stack: &Stack, cluster: &str) -> String {
    let token = stack.service.token("admin").await;
    let path = format!("/clusters/{cluster}/invite");
    let invited = stack.service.post(&path, &token, &json!({})).await;
    assert_eq!(invited.status, StatusCode::OK, "{invited:?}");
    let url = invited.body["url"].as_str().expect("a link");
    let command = format!("curl -fsS -X POST '{url}' | kubectl apply -f -");
    assert_eq!(invited.body["command"], json!(command));
    let path = url
        .strip_prefix("https://fleet.example")
        .expect("the public URL");
    path.to_owned()
}

/// As curl does: without a session.
pub async fn open(stack: &Stack, method: Method, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::empty()).expect("a request");
    Answer::read(stack.service.send(request).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_joins_a_cluster_once_and_only_when_it_is_meant() {
    let stack = Stack::start(0).await;
    let path = link(&stack, "cluster-a").await;
    for looked_at in [Method::GET, Method::HEAD, Method::OPTIONS] {
        let answer = open(&stack, looked_at, &path).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{answer:?}");
    }
    let answers = join_all((0..4).map(|_| open(&stack, Method::POST, &path))).await;
    let (joined, late): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|answer| answer.status == StatusCode::OK);
    assert_eq!((joined.len(), late.len()), (1, 3));
    for answer in late {
        assert_eq!(answer.code(), "invitation_unknown");
    }
    let manifest = joined[0].body.as_str().expect("YAML");
    assert_eq!(joined[0].headers["content-type"], "application/yaml");
    assert_eq!(joined[0].headers["cache-control"], "no-store");
    for part in ["kind: Secret", "registry.example/agent:test", "cluster-a"] {
        assert!(manifest.contains(part), "{part}");
    }

    let token = stack.service.token("admin").await;
    let audit = stack.service.get("/audit?cluster=cluster-a", &token).await;
    let lines = audit.body["items"].as_array().expect("lines");
    let logged: Vec<_> = lines
        .iter()
        .map(|line| [&line["user"], &line["verb"], &line["outcome"]].map(|part| part.as_str()))
        .filter(|line| line[2] == Some("succeeded"))
        .collect();
    let expected = ["enroll", "invite"].map(|verb| [Some("admin"), Some(verb), Some("succeeded")]);
    assert_eq!(logged, expected, "{lines:?}");
}

/// The README's way, with real components except the kubelet: the agent is started with what the manifest contains.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_joins_a_real_cluster_whose_deployments_can_then_be_restarted() {
    let plane = ControlPlane::start().await.expect("a control plane");
    let Some(plane) = required::or_skip(plane, "control plane") else {
        return;
    };
    let mut stack = Stack::start(0).await;
    let path = link(&stack, "prod-1").await;
    let manifest = open(&stack, Method::POST, &path).await;
    let file = stack.dir.path().join("manifest.yaml");
    std::fs::write(&file, manifest.body.as_str().expect("YAML")).unwrap();
    kubectl(&plane, &["apply", "--filename", file.to_str().unwrap()]).await;

    let creds = kubectl(
        &plane,
        &[
            "get",
            "secret",
            "agent-nats-creds",
            NAMESPACE,
            "--output=jsonpath={.data.agent\\.creds}",
        ],
    )
    .await;
    let creds_file = stack.dir.path().join("prod-1.creds");
    std::fs::write(&creds_file, BASE64.decode(creds).expect("base64")).unwrap();
    let token = plane
        .token("multi-cluster-aggregator", "agent-sa")
        .await
        .unwrap();
    let kubeconfig = plane.kubeconfig_for_token("agent", &token).unwrap();
    stack.agents.push(RunningAgent::start(agent::Config {
        cluster: "prod-1".parse().expect("a cluster name"),
        nats_url: stack.nats.url(),
        nats_ca: None,
        nats_creds: Some(creds_file),
        nats_seed: None,
        renewed_token: agent::RenewedToken::default(),
        verbs: bus_schema::AllowedVerbs::all(),
        max_rollouts: 0,
        kubernetes: agent::Access::new(Some(kubeconfig), None),
    }));
    stack.online(1).await;

    kubectl(
        &plane,
        &[
            "create",
            "deployment",
            "web",
            "--image=registry.example/web:1",
        ],
    )
    .await;
    let token = stack.service.token("admin").await;
    let body = json!({"cluster": "prod-1", "namespace": "default", "deployment_name": "web"});
    let listed = async || {
        let list = stack
            .service
            .get("/deployments/prod-1/default", &token)
            .await;
        (list.body["items"][0]["deployment_name"] == "web").then_some(())
    };
    stack.service.until("the deployment is seen", listed).await;
    let restarted = stack.service.post("/restart", &token, &body).await;
    assert_eq!(restarted.status, StatusCode::OK, "{restarted:?}");
    let annotation = "--output=jsonpath={.spec.template.metadata.annotations.kubectl\\.kubernetes\\.io/restartedAt}";
    let annotation = kubectl(&plane, &["get", "deployment", "web", annotation]).await;
    assert_eq!(
        json!(annotation),
        restarted.body["restarted_at"],
        "{restarted:?}"
    );
}

async fn kubectl(plane: &ControlPlane, arguments: &[&str]) -> String {
    plane.kubectl(arguments).await.expect("kubectl succeeds")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_worth_no_more_than_its_maker() {
    let stack = Stack::start(0).await;
    let path = link(&stack, "cluster-a").await;
    let token = stack.service.token("admin").await;
    stack.edit_users(|users| users["admin"]["grants"][0]["role"] = json!("operator"));
    let lost = async || {
        let me = stack.service.get("/me", &token).await;
        me.body.to_string().contains("operator").then_some(())
    };
    stack.service.until("the right is lost", lost).await;
    let answer = open(&stack, Method::POST, &path).await;
    assert_eq!(answer.code(), "invitation_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_dies_with_the_password_of_its_maker() {
    let stack = Stack::start(0).await;
    let path = link(&stack, "cluster-a").await;
    let token = stack.service.token("admin").await;
    stack.edit_users(|users| {
        let another = hash(&Password::from("another one".to_owned()));
        users["admin"]["password_hash"] = json!(another.expect("a hash").expose());
    });
    let signed_out = async || {
        let me = stack.service.get("/me", &token).await;
        (me.status == StatusCode::UNAUTHORIZED).then_some(())
    };
    stack
        .service
        .until("the password is changed", signed_out)
        .await;
    let answer = open(&stack, Method::POST, &path).await;
    assert_eq!(answer.code(), "invitation_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_die_with_the_cluster_and_new_ones_are_good() {
    let stack = Stack::start(0).await;
    let token = stack.service.token("admin").await;
    // One whose link was used, and one that has only a link.
    for used in [true, false] {
        let paths = [
            link(&stack, "cluster-a").await,
            link(&stack, "cluster-a").await,
        ];
        if used {
            let joined = open(&stack, Method::POST, &paths[0]).await;
            assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
        }
        let revoked = delete(&stack, "/clusters/cluster-a", &token).await;
        assert_eq!(revoked.status, StatusCode::OK, "{revoked:?}");
        let revoked = revoked.body["revoked"].as_array().expect("keys");
        assert_eq!(revoked.len(), usize::from(used));
        for path in &paths {
            let answer = open(&stack, Method::POST, path).await;
            assert_eq!(answer.code(), "invitation_unknown", "{answer:?}");
        }
        let gone = delete(&stack, "/clusters/cluster-a", &token).await;
        assert_eq!(gone.code(), "credential_unknown", "{gone:?}");
    }
    let path = link(&stack, "cluster-a").await;
    let joined = open(&stack, Method::POST, &path).await;
    assert_eq!(joined.status, StatusCode::OK, "{joined:?}");
}

pub async fn delete(stack: &Stack, path: &str, token: &str) -> Answer {
    let request = Request::delete(path).header("authorization", format!("Bearer {token}"));
    let request = request.body(Body::empty()).expect("a request");
    Answer::read(stack.service.send(request).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn links_cannot_be_guessed_for_long() {
    let stack = Stack::start(0).await;
    let path = link(&stack, "cluster-a").await;
    let unknown = format!("/join/{}", Token::mint().expect("random bytes").expose());
    for guess in ["/join/x", "/join/mca_", &unknown, "/join/%00", "/join/*"] {
        let answer = open(&stack, Method::POST, guess).await;
        assert_eq!(answer.code(), "invitation_unknown", "{guess}");
    }
    let answer = open(&stack, Method::POST, &path).await;
    assert_eq!(answer.code(), "rate_limited");
    assert!(answer.headers.contains_key("retry-after"));
}

/// Links and manifests that join a cluster contain a private key.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_joins_a_cluster_is_given_out_in_the_clear() {
    let stack = Stack::start(0).await;
    let with = async |change: &dyn Fn(&mut aggregator::args::Serve)| {
        let mut settings = Service::settings(stack.dir.path(), &stack.nats.url());
        change(&mut settings);
        Service::of(settings).await.expect("the aggregator starts")
    };
    let plain = |settings: &mut aggregator::args::Serve| {
        settings.public_url = Some("http://fleet.example".parse().expect("a URL"));
    };
    let anywhere = |settings: &mut aggregator::args::Serve| {
        settings.listen = ([0, 0, 0, 0], 0).into();
        settings.public_url = None;
    };
    let link = link(&stack, "cluster-a").await;
    let token = stack.service.token("admin").await;
    for service in [with(&plain).await, with(&anywhere).await] {
        for path in ["/clusters/cluster-b/invite", "/clusters/cluster-b/enroll"] {
            let refused = service.post(path, &token, &json!({})).await;
            assert_eq!(refused.code(), "enrolment_unavailable", "{path}");
            let detail = refused.body["detail"].as_str().expect("words");
            assert!(detail.contains("--public-url https://"), "{detail}");
        }
        let joined = service.post_text(&link, "", "").await;
        assert_eq!(joined.code(), "enrolment_unavailable");
        let key = bus_keys::Key::generate(bus_keys::Kind::User);
        let request = bus_keys::CredentialRequest::sign(&key, "cluster-b").to_string();
        let own = json!({"credential_request": request});
        let enrolled = service
            .post("/clusters/cluster-b/enroll", &token, &own)
            .await;
        assert_eq!(enrolled.status, StatusCode::OK, "{enrolled:?}");
    }
    let by_flag = |settings: &mut aggregator::args::Serve| {
        plain(settings);
        settings.allow_insecure_links = true;
    };
    let allowed = with(&by_flag).await;
    let path = "/clusters/cluster-b/invite";
    let invited = allowed.post(path, &token, &json!({})).await;
    assert_eq!(invited.status, StatusCode::OK, "{invited:?}");
    // The link still works where it cannot be intercepted.
    assert_eq!(
        open(&stack, Method::POST, &link).await.status,
        StatusCode::OK
    );
}
