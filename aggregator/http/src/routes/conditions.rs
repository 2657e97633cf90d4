//! `GET /conditions`

use axum::Json;
use axum::extract::State;
use bus_schema::Right;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use diagnostics::AggregatorCondition;
use diagnostics::{Problem, ProblemCode};

/// The conditions of the aggregator that answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct AggregatorConditions {
    /// Empty when nothing is wrong.
    items: Vec<AggregatorCondition>,
}

/// What is wrong with the aggregator itself
///
/// Requires the right `audit` on all clusters and namespaces. The conditions of clusters are in `GET /clusters`.
#[utoipa::path(get, path = "/conditions", tag = "Health", responses((status = 200, description = "What is wrong; empty if nothing is", body = AggregatorConditions), OwnProblem))]
pub async fn list_conditions(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<AggregatorConditions>, ProblemResponse> {
    // A message may name a file of the server, or say whose grants are out of date.
    if !caller.principal.grants.everywhere(Right::Audit) {
        let detail =
            "the conditions of the aggregator need the right audit for all clusters and namespaces";
        return Err(Problem::new(ProblemCode::Forbidden, detail).into());
    }
    let items = app.conditions.list();
    Ok(Json(AggregatorConditions { items }))
}
