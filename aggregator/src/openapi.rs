//! The document that describes the API, `openapi.json`: what the routes do not say themselves.

use std::collections::BTreeMap;

use utoipa::openapi::security::{Flow, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};

use crate::problem::{Problem, ProblemBody};

/// The document without its paths, which the router adds.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Multi-Cluster Aggregator",
        description = "One API for the deployments of every Kubernetes cluster. Failures are `application/problem+json` (RFC 9457) with a stable `code`."
    ),
    tags(
        (name = "Session", description = "Sign in, sign out, who am I"),
        (name = "Fleet", description = "Clusters and their namespaces"),
        (name = "Deployments", description = "Deployments, their rollouts, pods, events and logs"),
        (name = "Activity", description = "Who did what"),
        (name = "Health", description = "For probes"),
    ),
    components(schemas(ProblemBody)),
    security(("password" = [])),
    modifiers(&SecuritySchemes)
)]
pub struct Document;

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let password = Flow::Password(Password::new("/login", Scopes::new()));
        components.add_security_scheme("password", SecurityScheme::OAuth2(OAuth2::new([password])));
    }
}

/// Every call may fail, and always in this shape.
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let body = Content::new(Some(Ref::from_schema_name("Problem")));
        let failure = ResponseBuilder::new()
            .description("A failure: `code` says which")
            .content("application/problem+json", body)
            .build();
        BTreeMap::from([("default".to_owned(), failure.into())])
    }
}

/// The whole document as it is committed: pretty, with an end of line.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn pretty() -> Result<String, serde_json::Error> {
    let text = crate::routes::api().get_openapi().to_pretty_json()?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_document_is_fresh() {
        let committed = include_str!("../openapi.json");
        let now = super::pretty().unwrap();
        assert!(
            committed == now,
            "aggregator/openapi.json is out of date: write it with `cargo run -p aggregator -- openapi > aggregator/openapi.json`"
        );
    }
}
