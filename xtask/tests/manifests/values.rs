//! What people set, in values of the chart and in patches of an overlay: taken, or refused; never dropped.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::rendered::{Objects, helm, kustomized, kustomized_with, objects, templated_with};

const HUB: &str = "hub: {enabled: true}\nagent: {enabled: false}\n";

fn accepted(values: &str) -> Option<Objects> {
    Some(templated_with(values)?.unwrap_or_else(|error| panic!("{values}: {error}")))
}

/// The ports to which a NetworkPolicy admits all pods.
fn ports(policy: &Value, direction: &str) -> Vec<(String, u64)> {
    let rules = policy["spec"][direction].as_array().unwrap().iter();
    let ports = rules.flat_map(|rule| rule["ports"].as_array().unwrap());
    let port = |port: &Value| {
        Some((
            port["protocol"].as_str()?.to_owned(),
            port["port"].as_u64()?,
        ))
    };
    ports.map(|of| port(of).unwrap()).collect()
}

/// Behind its Service an API server has another port in many distributions, and a NetworkPolicy is applied to that one.
#[test]
fn the_policies_reach_the_api_server_and_dns_of_every_distribution() {
    let (Some(agent), Some(hub)) = (kustomized("agent"), kustomized("hub")) else {
        return;
    };
    let egress = ports(&agent["NetworkPolicy/agent"], "egress");
    for (distribution, port) in [
        ("minikube, OpenShift behind a load balancer", 8443),
        ("MicroK8s", 16443),
        ("kind, kubeadm", 6443),
        ("RKE2, k3s agents", 6444),
        ("GKE Autopilot", 443),
        ("the bus", 4222),
    ] {
        let reached = egress.contains(&("TCP".to_owned(), port));
        assert!(reached, "{distribution}: {port} is not in {egress:?}");
    }
    let others = ["NetworkPolicy/aggregator", "NetworkPolicy/nats"].map(|name| &hub[name]);
    for policy in [&[&agent["NetworkPolicy/agent"]], &others[..]].concat() {
        let egress = ports(policy, "egress");
        for port in [53, 5353] {
            for protocol in ["UDP", "TCP"] {
                let dns = (protocol.to_owned(), port);
                assert!(egress.contains(&dns), "{dns:?} is not in {egress:?}");
            }
        }
    }
}

/// What a container's process gets, as the kubelet computes it: a later source wins over an earlier one, and `env` over all of them.
fn environment(objects: &Objects, container: &Value) -> BTreeMap<String, String> {
    let list = |name: &str| container[name].as_array().cloned().unwrap_or_default();
    let mut environment = BTreeMap::new();
    for source in list("envFrom") {
        let name = source["configMapRef"]["name"].as_str().unwrap();
        let map = &objects[&format!("ConfigMap/{name}")]["data"];
        for (name, value) in map.as_object().unwrap() {
            environment.insert(name.clone(), value.as_str().unwrap().to_owned());
        }
    }
    for variable in list("env") {
        let value = variable["value"].as_str().unwrap_or("from elsewhere");
        let name = variable["name"].as_str().unwrap().to_owned();
        environment.insert(name, value.to_owned());
    }
    environment
}

fn containers<'a>(objects: &'a Objects, workload: &str) -> Vec<&'a Value> {
    let pod = &objects[workload]["spec"]["template"]["spec"];
    let lists = ["initContainers", "containers"].map(|list| pod[list].as_array());
    lists.into_iter().flatten().flatten().collect()
}

#[test]
fn a_setting_wins_over_every_default() {
    let agent = "agent: {settings: {MCA_NATS_RENEWED: /else, MCA_CLUSTER_NAME: b}}";
    let Some(agent) = accepted(agent) else {
        return;
    };
    let [container] = containers(&agent, "Deployment/agent")[..] else {
        panic!("one container");
    };
    let of_agent = environment(&agent, container);
    assert_eq!(of_agent["MCA_NATS_RENEWED"], "/else");
    let config_map = &of_agent["MCA_NATS_RENEWED_CONFIG_MAP"];
    assert_eq!(config_map, "agent-nats-token");

    let defaults = accepted(HUB).unwrap();
    let [signer, web] = containers(&defaults, "Deployment/aggregator")[..] else {
        panic!("two containers");
    };
    assert_eq!(environment(&defaults, web)["MCA_LISTEN"], "[::]:8000");
    let set = ["MCA_USERS", "MCA_LOG_FORMAT", "MCA_SIGNER", "MCA_BUS_KEYS"];
    for name in set {
        assert_ne!(environment(&defaults, signer).get(name), None, "{name}");
        let values =
            format!("{HUB}aggregator: {{settings: {{{name}: else, MCA_LISTEN: \"[::1]:9000\"}}}}");
        let objects = accepted(&values).unwrap();
        for container in containers(&objects, "Deployment/aggregator") {
            assert_eq!(environment(&objects, container)[name], "else", "{name}");
        }
        let web = containers(&objects, "Deployment/aggregator")[1];
        assert_eq!(environment(&objects, web)["MCA_LISTEN"], "[::1]:9000");
        assert_eq!(web["ports"][0]["containerPort"], 9000);
        let policy = &objects["NetworkPolicy/aggregator"];
        assert_eq!(ports(policy, "ingress"), [("TCP".to_owned(), 9000)]);
    }
}

#[test]
fn where_a_pod_runs_is_taken_from_the_values() {
    let values = "
agent:
  nodeSelector: {kubernetes.io/arch: arm64}
  tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists, effect: NoSchedule}]
  priorityClassName: system-cluster-critical
  podAnnotations: {sidecar.istio.io/inject: \"false\"}
  extraEnv: [{name: HTTPS_PROXY, value: \"http://proxy.example:3128\"}]
";
    let Some(objects) = accepted(values) else {
        return;
    };
    let template = &objects["Deployment/agent"]["spec"]["template"];
    let pod = &template["spec"];
    assert_eq!(pod["nodeSelector"], json!({"kubernetes.io/arch": "arm64"}));
    assert_eq!(pod["tolerations"][0]["effect"], "NoSchedule");
    assert_eq!(pod["priorityClassName"], "system-cluster-critical");
    let annotation = &template["metadata"]["annotations"]["sidecar.istio.io/inject"];
    assert_eq!(annotation, "false");
    let proxy = json!({"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"});
    assert_eq!(pod["containers"][0]["env"], json!([proxy]));
}

#[test]
fn what_the_chart_does_not_know_is_refused_with_its_name() {
    for (values, named) in [
        ("agents: {enabled: true}", "agents"),
        ("agent: {nodeselector: {a: b}}", "nodeselector"),
        ("agent: {env: []}", "env"),
        ("agent: {settings: {MCA_CLUSTER: b}}", "MCA_CLUSTER"),
        ("agent: {verbs: [delete]}", "verbs"),
        ("aggregator: {settings: {MCA_LISTN: a}}", "MCA_LISTN"),
        ("aggregator: {replicas: many}", "replicas"),
        ("nats: {servers: 2}", "servers"),
        ("nats: {serviceType: loadBalancer}", "serviceType"),
    ] {
        let Some(refused) = templated_with(values) else {
            return;
        };
        let error = refused.expect_err(values);
        assert!(error.contains(named), "{values}: {error}");
    }
}

#[test]
fn helm_lint_finds_nothing() {
    let chart = xtask::workspace::root().join("k8s/chart");
    let chart = chart.to_str().unwrap();
    for set in [
        "agent.verbsPolicy=true",
        "hub.enabled=true,nats.servers=3,ingress.enabled=true,serviceMonitor.enabled=true",
    ] {
        let Some(checked) = helm(&["lint", chart, "--strict", "--quiet", "--set", set]) else {
            return;
        };
        checked.unwrap();
    }
}

/// kustomize renames what it knows to be a name, which a setting is not by itself.
#[test]
fn the_agent_stores_its_token_where_a_prefix_has_put_it() {
    let Some(text) = kustomized_with("agent", "namePrefix: prod-") else {
        return;
    };
    let objects = objects(&text);
    let name = &objects["ConfigMap/prod-agent-defaults"]["data"]["MCA_NATS_RENEWED_CONFIG_MAP"];
    assert_eq!(name, "prod-agent-nats-token");
    assert!(objects.contains_key("ConfigMap/prod-agent-nats-token"));
    let role = &objects["Role/prod-agent-nats-token"]["rules"][0]["resourceNames"];
    assert_eq!(role, &json!([name]));
}

#[test]
fn no_pod_names_a_user_where_openshift_gives_one() {
    let values = "openshift: true\nhub: {enabled: true}\n";
    let (Some(ours), Some(theirs)) = (accepted("hub: {enabled: true}\n"), accepted(values)) else {
        return;
    };
    let context = |object: &Value| {
        let of_template = object.pointer("/spec/template/spec/securityContext");
        let of_pod = object.pointer("/spec/securityContext");
        of_template.or(of_pod).cloned()
    };
    let mut pods = 0;
    for (name, object) in &theirs {
        let Some(theirs) = context(object) else {
            continue;
        };
        pods += 1;
        assert_eq!(context(&ours[name]).unwrap()["runAsUser"], 65532, "{name}");
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert!(theirs.get(field).is_none(), "{name}: {field}");
        }
        assert_eq!(theirs["runAsNonRoot"], true, "{name}");
    }
    assert_eq!(pods, 4, "agent, aggregator, nats, and the pod of the test");
}

#[test]
fn a_proxy_is_used_and_admitted() {
    let values = format!("{HUB}proxy: {{httpsProxy: \"http://[fd00::1]:3128\", noProxy: .svc}}");
    let Some(objects) = accepted(&values) else {
        return;
    };
    let proxied = environment(&objects, containers(&objects, "Deployment/aggregator")[1]);
    assert_eq!(proxied["HTTPS_PROXY"], "http://[fd00::1]:3128");
    assert_eq!(proxied["NO_PROXY"], ".svc");
    assert!(!proxied.contains_key("HTTP_PROXY"));
    let egress = ports(&objects["NetworkPolicy/aggregator"], "egress");
    assert!(egress.contains(&("TCP".to_owned(), 3128)), "{egress:?}");
}

#[test]
fn the_port_of_the_bus_is_that_of_its_address() {
    for (url, expected) in [
        ("tls://bus.example:4443", &[4443][..]),
        ("tls://bus.example", &[4222]),
        ("wss://bus.example/path:1", &[443]),
        ("tls://[fd00::1]:5222, tls://[fd00::2]", &[5222, 4222]),
    ] {
        let values = format!("agent: {{settings: {{MCA_NATS_URL: \"{url}\"}}}}");
        let Some(objects) = accepted(&values) else {
            return;
        };
        let bus = &objects["NetworkPolicy/agent"]["spec"]["egress"][2]["ports"];
        let port = |port: &Value| port["port"].as_u64().unwrap();
        let bus: Vec<_> = bus.as_array().unwrap().iter().map(port).collect();
        assert_eq!(bus, expected, "{url}");
    }
    let external = format!(
        "{HUB}nats: {{enabled: false}}\naggregator: {{settings: {{MCA_NATS_URL: \"tls://bus.example:4443\"}}}}"
    );
    let external = accepted(&external).unwrap();
    let egress = ports(&external["NetworkPolicy/aggregator"], "egress");
    assert!(egress.contains(&("TCP".to_owned(), 4443)), "{egress:?}");
}

/// The policy of allowed verbs reads them from the role, the agent from its settings.
#[test]
fn the_role_and_the_settings_name_the_same_verbs() {
    let named = |values: &str| {
        let objects = accepted(values)?;
        let rules = objects["ClusterRole/multi-cluster-aggregator-agent"]["rules"].clone();
        let verbs = rules.as_array()?.last()?["verbs"].clone();
        Some((
            verbs,
            objects["ConfigMap/agent-settings"]["data"]["MCA_VERBS"].clone(),
        ))
    };
    let both = (json!(["act", "scale", "pause"]), json!("scale,pause"));
    for values in [
        "agent: {verbs: [scale, pause], settings: {MCA_CLUSTER_NAME: b}}",
        "agent: {settings: {MCA_VERBS: \"scale,pause\"}}",
    ] {
        let Some(named) = named(values) else { return };
        assert_eq!(named, both, "{values}");
    }
    let differ = "agent: {verbs: [scale], settings: {MCA_VERBS: pause}}";
    let refused = templated_with(differ).unwrap().expect_err("they differ");
    assert!(refused.contains("MCA_VERBS differ"), "{refused}");
}
