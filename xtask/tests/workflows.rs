//! The workflows and the images name what they use by digest: a tag can be moved by those who own it.

use std::fs;

use xtask::workspace;

fn read(file: &str) -> String {
    let path = workspace::root().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn every_action_is_pinned_by_its_commit() {
    let dir = workspace::root().join(".github/workflows");
    let mut actions = 0;
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a workflow");
        let lines = text
            .lines()
            .map(|line| line.trim().trim_start_matches("- "));
        for action in lines.filter_map(|line| line.strip_prefix("uses: ")) {
            let (reference, version) = action.split_once(" # v").expect("the version");
            let (_, commit) = reference.split_once('@').expect("a commit");
            assert!(is_hex(commit, 40), "{}: {action}", path.display());
            assert!(version.contains('.'), "{}: {action}", path.display());
            actions += 1;
        }
    }
    assert!(actions > 8, "{actions}");
}

#[test]
fn every_image_from_elsewhere_is_pinned_by_its_digest() {
    let dockerfile = read("Dockerfile");
    let bases: Vec<_> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .collect();
    assert!(bases.len() >= 5, "{bases:?}");
    let workflow = read(".github/workflows/release.yml");
    let builders = ["  BUILDKIT: ", "  SBOM_GENERATOR: "];
    let builders = builders.map(|name| {
        let mut lines = workflow.lines();
        lines.find_map(|line| line.strip_prefix(name)).expect(name)
    });
    for image in bases.into_iter().chain(builders) {
        let (_, digest) = image.split_once("@sha256:").expect(image);
        let digest = digest.split(' ').next().unwrap_or_default();
        assert!(is_hex(digest, 64), "{image}");
    }
}

/// The workflow refuses a tag that differs from one of them.
#[test]
fn programs_and_chart_have_one_version() {
    let chart = read("k8s/chart/Chart.yaml");
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        format!("version: {version}"),
        format!("appVersion: {version}"),
    ] {
        assert!(chart.lines().any(|other| other == line), "{line}");
    }
    let workspace = read("Cargo.toml");
    let line = format!("version = \"{version}\"");
    assert!(workspace.lines().any(|other| other == line), "{line}");
    let values = read("k8s/chart/values.yaml");
    for program in ["agent", "aggregator"] {
        let image = format!("  image: multi-cluster-aggregator/{program}:{version}");
        assert!(values.lines().any(|other| other == image), "{image}");
    }
}

/// A release that lacks one would be found out only by those who pull it.
#[test]
fn a_release_has_every_image_of_the_chart() {
    let (workflow, dockerfile) = (read(".github/workflows/release.yml"), read("Dockerfile"));
    let images = workflow
        .lines()
        .find_map(|line| line.strip_prefix("  IMAGES: "));
    let images: Vec<_> = images.expect("images").split(' ').collect();
    for image in &images {
        let stage = format!(" AS {image}\n");
        assert!(dockerfile.contains(&stage), "no stage {image}");
    }
    for image in ["agent", "aggregator"] {
        assert!(images.contains(&image), "{images:?}");
    }
}
