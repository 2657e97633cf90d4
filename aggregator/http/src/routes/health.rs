//! `GET /livez` and `GET /readyz`

use axum::extract::State;

use crate::app::App;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};

/// Whether the process runs
#[utoipa::path(get, path = "/livez", tag = "Health", security(()), responses((status = 200, description = "`ok`", body = String), OwnProblem))]
pub async fn livez() -> &'static str {
    "ok"
}

/// Whether it can do its work
///
/// 503 while the bus is away or does not answer. Otherwise `ok`; each further line is `degraded:` and the type of something that is
/// wrong with it all the same, which `GET /conditions` explains.
#[utoipa::path(get, path = "/readyz", tag = "Health", security(()), responses((status = 200, description = "`ok`, and what is wrong all the same", body = String), OwnProblem))]
pub async fn readyz(State(app): State<App>) -> Result<String, ProblemResponse> {
    if app.link.is_cut_off() {
        let detail = "the aggregator is cut off from the bus";
        return Err(Problem::new(ProblemCode::BusUnavailable, detail).into());
    }
    // A condition is no reason to take the replica out: it serves, and the others have most likely the same one. The types alone,
    // since anybody may ask.
    let degraded = app.conditions.list().into_iter();
    let degraded = degraded.map(|condition| format!("\ndegraded: {}", condition.kind.as_str()));
    Ok(std::iter::once("ok".to_owned()).chain(degraded).collect())
}
