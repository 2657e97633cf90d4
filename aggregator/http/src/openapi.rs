//! The document that describes the API, `openapi.json`: the parts that are not derived from the routes.

use std::collections::BTreeMap;

use utoipa::openapi::security::{Flow, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder, Server};
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::problem_response::{ProblemBody, ProblemResponse, status};
use diagnostics::{Hop, ProblemCode};

pub mod examples;
pub mod idempotency_key;

/// The document without its paths, which the router adds.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Multi-Cluster Aggregator",
        description = "One API for the deployments of every Kubernetes cluster, and for its StatefulSets and DaemonSets. Failures are `application/problem+json` (RFC 9457) with a stable `code`."
    ),
    tags(
        (name = "Session", description = "Sign in, sign out, who am I"),
        (name = "Fleet", description = "Clusters and their namespaces"),
        (name = "Workloads", description = "Deployments, StatefulSets and DaemonSets, their rollouts, pods, events and logs"),
        (name = "Runs", description = "Changes of many workloads at once"),
        (name = "Activity", description = "Who did what"),
        (name = "Health", description = "For probes"),
    ),
    components(schemas(ProblemBody, bus_schema::Pattern)),
    security(("password" = [])),
    servers((url = "/")),
    modifiers(&SecuritySchemes, &Failures)
)]
pub struct Document;

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("password", password("/login"));
    }
}

fn password(url: &str) -> SecurityScheme {
    let flow = Flow::Password(Password::new(url, Scopes::new()));
    SecurityScheme::OAuth2(OAuth2::new([flow]))
}

/// Leads clients of the document into the folder in which users reach the service.
pub fn in_folder(document: &mut utoipa::openapi::OpenApi, folder: &str) {
    if folder.is_empty() {
        return;
    }
    document.servers = Some(vec![Server::new(folder)]);
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("password", password(&format!("{folder}/login")));
}

/// Whether a call can fail with a code.
type Fits = fn(ProblemCode) -> bool;

/// The codes with which a call that needs no cluster can fail.
pub struct OwnProblem;

/// The failures of every call, all in the same format.
impl IntoResponses for ProblemResponse {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        failures("Problem", |_| true)
    }
}

impl IntoResponses for OwnProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        failures("OwnProblem", is_own)
    }
}

/// Failures that do not involve a cluster, its agent or the bus in between.
fn is_own(code: ProblemCode) -> bool {
    code.hop() == Hop::Aggregator || code == ProblemCode::BusUnavailable
}

/// A reference for each status of these codes.
fn failures(name: &str, fits: Fits) -> BTreeMap<String, RefOr<Response>> {
    let codes = ProblemCode::ALL.iter().filter(|code| fits(**code));
    let statuses = codes.map(|code| status(*code).as_u16());
    let reference = |status: u16| {
        let response = Ref::from_response_name(format!("{name}{status}"));
        (status.to_string(), response.into())
    };
    statuses.map(reference).collect()
}

/// Adds the responses that [`failures`] refers to: one for each status, which lists its codes.
struct Failures;

impl Modify for Failures {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let responses = &mut document.components.get_or_insert_default().responses;
        let kinds: [(&str, Fits); 2] = [("Problem", |_| true), ("OwnProblem", is_own)];
        for (name, fits) in kinds {
            let mut meanings = BTreeMap::<u16, Vec<String>>::new();
            for code in ProblemCode::ALL.iter().filter(|code| fits(**code)) {
                let line = format!("- `{}`: {}", code.as_str(), code.meaning());
                meanings
                    .entry(status(*code).as_u16())
                    .or_default()
                    .push(line);
            }
            for (status, lines) in meanings {
                let body = Content::new(Some(Ref::from_schema_name("Problem")));
                let response = ResponseBuilder::new()
                    .description(lines.join("\n"))
                    .content("application/problem+json", body);
                responses.insert(format!("{name}{status}"), response.build().into());
            }
        }
    }
}
