//! `POST /image`

use axum::Json;
use axum::extract::State;
use bus_schema::verb::{ContainerImage, Image, Imaged, images};

use super::workload_body::{WorkloadChange as _, workload_body};
use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::problem_response::ProblemResponse;
use fleet::Done;

workload_body! {
    /// Which workload to change: by `deployment_name`, or by `kind` and `name`.
    #[schema(example = json!({
        "cluster": "cluster-a", "namespace": "default", "deployment_name": "fastapi-a",
        "images": [{"container": "app", "image": "registry.example/shop/fastapi:1.4.3"}], "reason": "OPS-7",
    }))]
    ImageBody {
        /// The images of containers and init containers; others keep theirs.
        #[serde(deserialize_with = "images")]
        #[schema(min_items = 1, max_items = 100)]
        images: Vec<ContainerImage>,
    }
}

/// Change images of a workload
///
/// Like `kubectl set image`, but all or nothing: an unknown container is `not_found`, and no image is changed. Responds when the cluster
/// has accepted the change; follow the rollout with `GET /workloads/{cluster}/{namespace}/{kind}/{name}/rollout/watch`. The rollout of a
/// paused deployment begins when it is resumed.
#[utoipa::path(post, path = "/image", tag = "Workloads", request_body = ImageBody,
    responses((status = 200, description = "The images are set; the rollout goes on", body = Done<Imaged>), ProblemResponse))]
pub async fn set_images(
    State(app): State<App>,
    caller: Caller,
    extract::Json(body): extract::Json<ImageBody>,
) -> Result<Json<Done<Imaged>>, ProblemResponse> {
    let image = |target, guard, (images,)| Image {
        target,
        images,
        guard,
    };
    body.mutate(&app, &caller, image).await
}
