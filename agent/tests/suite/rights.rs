//! What the agent's ServiceAccount may not do on a real API server: with the shipped ClusterRole, and with the policy that leaves it
//! its allowed verbs alone. That the ClusterRole suffices is shown by [`crate::on_both`].

use std::path::PathBuf;

use agent::TokenStore;
use bus_schema::WorkloadKind;
use http::{Method, Request, StatusCode};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_sim::kubelet::Kubelet;
use kube::Api;
use serde_json::{Value, json};
use xtask::control_plane::ControlPlane;
use xtask::{required, workspace};

use crate::deployment::Target;
use crate::on_both::client;
use crate::stage::Stage;

mod policy;

use policy::{
    a_restart_and_an_undo_pass, allowed_verbs, changes, each_verb_allows_its_own_patch,
    is_by_policy, make_the_other_kinds, others_are_not_touched, patch, restarts_go_on, workloads,
};

const NAMESPACE: &str = "multi-cluster-aggregator";

/// A kubeconfig for the agent's ServiceAccount, which is created with its permissions.
pub async fn of_the_agent(plane: &ControlPlane) -> PathBuf {
    for file in [
        "namespace/namespace.yaml",
        "agent/service-account.yaml",
        "agent/cluster-role.yaml",
        "agent/cluster-role-binding.yaml",
        "agent/role.yaml",
        "agent/role-binding.yaml",
        "agent/token.yaml",
    ] {
        let file = workspace::root().join("k8s/base").join(file);
        let apply = ["apply", "--filename", file.to_str().expect("a path")];
        plane.kubectl(apply).await.expect("applied");
    }
    let token = plane.token(NAMESPACE, "agent-sa").await.expect("a token");
    let kubeconfig = plane.kubeconfig_for_token("agent", &token);
    kubeconfig.expect("a kubeconfig")
}

#[tokio::test]
async fn the_agent_may_do_only_what_its_verbs_need_and_with_the_policy_only_its_allowed_verbs() {
    let plane = ControlPlane::start().await.unwrap();
    let Some(plane) = required::or_skip(plane, "control plane") else {
        return;
    };
    let admin = client(plane.admin_kubeconfig()).await;
    let _node = Kubelet::start(admin.clone()).await.unwrap();
    let kubeconfig = of_the_agent(&plane).await;
    let stage = Stage::new(admin, &kubeconfig).await;
    let agent = client(&kubeconfig).await;
    let running = stage.agent();
    stage.ready().await;
    let target = Target::rolled_out(&stage, "rights").await;

    refused_by_rbac(&agent).await;
    keeps_its_token(&agent, &stage.admin).await;
    // Changes that RBAC cannot distinguish.
    let deployment = workloads(agent.clone(), WorkloadKind::Deployment);
    let scaled = patch(&deployment, &json!({ "spec": { "replicas": 3 } })).await;
    scaled.expect("a patch is a patch to RBAC");

    allowed_verbs(&plane, &deployment).await;
    let before = target.read().await;
    for change in changes() {
        let refused = patch(&deployment, &change).await.unwrap_err();
        assert!(is_by_policy(&refused), "{change}: {refused}");
    }
    let after = target.read().await;
    assert_eq!(after.metadata.generation, before.metadata.generation);
    assert_eq!(after.metadata.labels, before.metadata.labels);

    restarts_go_on(&stage, &target).await;
    make_the_other_kinds(&stage).await;
    let kinds = WorkloadKind::ALL.map(|kind| (kind, workloads(agent.clone(), kind)));
    each_verb_allows_its_own_patch(&plane, &kinds).await;
    for kind in WorkloadKind::ALL {
        a_restart_and_an_undo_pass(&plane, &stage, kind).await;
    }
    others_are_not_touched(&stage).await;
    running.left().await;
}

/// In the only ConfigMap that it may write.
async fn keeps_its_token(agent: &kube::Client, admin: &kube::Client) {
    let store = TokenStore::ConfigMap {
        maps: Box::new(Api::namespaced(agent.clone(), NAMESPACE)),
        name: "agent-nats-token".to_owned(),
    };
    for token in ["first", "second"] {
        store
            .store(token)
            .await
            .expect("the ServiceAccount suffices");
        let map = Api::<ConfigMap>::namespaced(admin.clone(), NAMESPACE);
        let map = map.get("agent-nats-token").await.unwrap();
        assert_eq!(map.data.unwrap()["token"], token);
    }
}

/// Calls that RBAC must forbid, with their bodies.
async fn refused_by_rbac(agent: &kube::Client) {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "new" },
        "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "c", "image": "i" }] },
            },
        },
    });
    let none = Value::Null;
    let deployments = "/apis/apps/v1/namespaces/rights/deployments";
    let one = &format!("{deployments}/my.app");
    for (method, path, body) in [
        (Method::GET, "/api/v1/secrets", &none),
        (Method::GET, "/api/v1/namespaces/rights/secrets", &none),
        (Method::GET, "/api/v1/namespaces/rights/secrets/any", &none),
        (
            Method::GET,
            "/api/v1/namespaces/multi-cluster-aggregator/secrets/agent-nats-creds",
            &none,
        ),
        (Method::GET, "/api/v1/namespaces/rights/configmaps", &none),
        (
            Method::GET,
            "/api/v1/namespaces/multi-cluster-aggregator/configmaps/agent-nats-token",
            &none,
        ),
        (
            Method::PATCH,
            "/api/v1/namespaces/multi-cluster-aggregator/configmaps/agent-settings",
            &none,
        ),
        (
            Method::PATCH,
            "/api/v1/namespaces/multi-cluster-aggregator/secrets/agent-nats-creds",
            &none,
        ),
        (Method::GET, "/api/v1/nodes", &none),
        (Method::GET, "/api/v1/namespaces/rights/services", &none),
        (Method::GET, "/api/v1/namespaces/rights/pods/any", &none),
        (
            Method::GET,
            "/api/v1/namespaces/rights/pods/any/exec?command=sh&stdout=true",
            &none,
        ),
        (
            Method::POST,
            "/api/v1/namespaces/rights/pods/any/exec?command=sh&stdout=true",
            &none,
        ),
        (
            Method::POST,
            "/api/v1/namespaces/rights/pods/any/attach",
            &none,
        ),
        (
            Method::POST,
            "/api/v1/namespaces/rights/pods/any/portforward",
            &none,
        ),
        (Method::DELETE, "/api/v1/namespaces/rights/pods/any", &none),
        (
            Method::POST,
            "/api/v1/namespaces/rights/pods/any/eviction",
            &none,
        ),
        (Method::POST, deployments, &deployment),
        (Method::PUT, one, &deployment),
        (Method::DELETE, one, &none),
        (Method::DELETE, deployments, &none),
        (
            Method::DELETE,
            "/apis/apps/v1/namespaces/rights/statefulsets",
            &none,
        ),
        (
            Method::PATCH,
            "/apis/apps/v1/namespaces/rights/statefulsets/db/scale",
            &none,
        ),
        (
            Method::DELETE,
            "/apis/apps/v1/namespaces/rights/daemonsets",
            &none,
        ),
        (Method::PATCH, &format!("{one}/scale"), &none),
        (Method::PATCH, &format!("{one}/status"), &none),
        (Method::GET, "/apis/batch/v1/namespaces/rights/jobs", &none),
        (
            Method::GET,
            "/apis/rbac.authorization.k8s.io/v1/clusterroles",
            &none,
        ),
        (
            Method::POST,
            "/api/v1/namespaces/multi-cluster-aggregator/serviceaccounts/agent-sa/token",
            &none,
        ),
        (Method::DELETE, "/api/v1/namespaces/rights", &none),
    ] {
        let status = call(agent, method.clone(), path, body, None).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    let pods = "/api/v1/namespaces/rights/pods";
    let status = call(agent, Method::GET, pods, &none, Some("admin")).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "impersonation");
    let status = call(agent, Method::GET, pods, &none, None).await;
    assert_eq!(status, StatusCode::OK, "what it needs it may");
}

async fn call(
    agent: &kube::Client,
    method: Method,
    path: &str,
    body: &Value,
    impersonated: Option<&str>,
) -> StatusCode {
    let content = match method {
        Method::PATCH => "application/merge-patch+json",
        _ => "application/json",
    };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content);
    if let Some(user) = impersonated {
        request = request.header("impersonate-user", user);
    }
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let request = request.body(body.into()).expect("a request");
    agent.send(request).await.expect("an answer").status()
}
