//! `GET /livez` and `GET /readyz`

use axum::extract::State;

use crate::app::App;
use crate::problem::{Problem, ProblemCode};

/// Whether the process runs
#[utoipa::path(get, path = "/livez", tag = "Health", security(()), responses((status = 200, body = String)))]
pub async fn livez() -> &'static str {
    "ok"
}

/// Whether it can do its work
///
/// 503 while the bus is away or does not answer.
#[utoipa::path(get, path = "/readyz", tag = "Health", security(()), responses((status = 200, body = String), Problem))]
pub async fn readyz(State(app): State<App>) -> Result<&'static str, Problem> {
    if app.fleet.is_cut_off() {
        let detail = "the aggregator is cut off from the bus";
        return Err(Problem::new(ProblemCode::BusUnavailable, detail));
    }
    Ok("ok")
}
