//! A real control plane, if it has been built or is in `$KUBEBUILDER_ASSETS`.

use std::time::Duration;

use xtask::condition;
use xtask::control_plane::ControlPlane;
use xtask::required;

#[tokio::test]
async fn a_deployment_gets_its_pods_and_a_service_account_its_rights() {
    let Some(plane) = required::or_skip(ControlPlane::start().await.unwrap(), "control plane")
    else {
        return;
    };
    let create = [
        "create",
        "deployment",
        "web",
        "--image=nginx",
        "--replicas=2",
    ];
    plane.kubectl(create).await.unwrap();
    let pods = ["get", "pods", "--selector=app=web", "--output=name"];
    condition::met("two pods", Duration::from_secs(30), async || {
        let names = plane.kubectl(pods).await?;
        Ok((names.lines().count() == 2).then_some(()))
    })
    .await
    .unwrap();

    let token = plane.token("default", "default").await.unwrap();
    let kubeconfig = plane.kubeconfig_for_token("nobody", &token).unwrap();
    let as_nobody = ["--kubeconfig", kubeconfig.to_str().unwrap(), "get", "pods"];
    let refused = plane.kubectl(as_nobody).await.unwrap_err().to_string();
    let account = "system:serviceaccount:default:default";
    assert!(refused.contains("forbidden"), "{refused}");
    assert!(refused.contains(account), "{refused}");
}
