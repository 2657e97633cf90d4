//! `GET /livez` and `GET /readyz`

use axum::extract::State;

use crate::app::App;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};

/// Whether the process is alive
#[utoipa::path(get, path = "/livez", tag = "Health", security(()), responses((status = 200, description = "`ok`", body = String), OwnProblem))]
pub async fn livez() -> &'static str {
    "ok"
}

/// Whether the aggregator is ready
///
/// 503 while the bus is unavailable. Otherwise `ok`; each further line is `degraded:` and the type of a condition, which
/// `GET /conditions` explains.
#[utoipa::path(get, path = "/readyz", tag = "Health", security(()), responses((status = 200, description = "`ok`, and the types of conditions", body = String), OwnProblem))]
pub async fn readyz(State(app): State<App>) -> Result<String, ProblemResponse> {
    if app.link.is_cut_off() {
        let detail = "the aggregator is cut off from the bus";
        return Err(Problem::new(ProblemCode::BusUnavailable, detail).into());
    }
    // A condition does not make the replica unready: it still serves, and the others most likely have the same condition. Only the types
    // are shown, since this needs no session.
    let degraded = app.conditions.list().into_iter();
    let degraded = degraded.map(|condition| format!("\ndegraded: {}", condition.kind.as_str()));
    Ok(std::iter::once("ok".to_owned()).chain(degraded).collect())
}
