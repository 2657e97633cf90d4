//! `GET /operations/{operation_id}`

use axum::Json;
use axum::extract::State;
use bus_schema::OperationId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::audit::visible;
use crate::app::App;
use crate::caller::Caller;
use crate::extract::Path;
use crate::openapi::OwnProblem;
use crate::problem_response::ProblemResponse;
use audit::Entry;
use diagnostics::{Problem, ProblemCode};

/// Which operation.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct Which {
    /// Its id, from the response to the change or from the audit.
    operation_id: OperationId,
}

/// The outcome of a change
///
/// The newest line of the operation in the audit. While its outcome is `pending` or `unknown`, the aggregator is still determining it,
/// unless `detail` says that it can no longer be determined.
#[utoipa::path(get, path = "/operations/{operation_id}", tag = "Activity", params(Which),
    responses((status = 200, description = "Its newest line", body = Entry), OwnProblem))]
pub async fn get_operation(
    State(app): State<App>,
    caller: Caller,
    Path(Which { operation_id }): Path<Which>,
) -> Result<Json<Entry>, ProblemResponse> {
    let newest = app.journal.newest(&operation_id).await;
    let newest = newest.map_err(Problem::from)?;
    match newest.filter(|entry| visible(&caller.principal, entry)) {
        Some(entry) => Ok(Json(entry)),
        None => {
            let detail = format!(
                "there is no operation {operation_id} that you may see; GET /audit lists them"
            );
            Err(Problem::new(ProblemCode::NotFound, detail).into())
        }
    }
}
