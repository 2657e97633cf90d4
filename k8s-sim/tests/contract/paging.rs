use kube::api::ListParams;

use crate::fixtures::refusal;
use crate::server::Server;

async fn five_deployments(server: &Server) {
    for name in ["a", "b", "c", "d", "e"] {
        server.deploy(name, 0, |_| {}).await;
    }
}

pub async fn pages_show_one_resource_version(server: Server) {
    five_deployments(&server).await;
    let two = ListParams::default().limit(2);
    let first = server.deployments().list(&two).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(3));
    let token = first.metadata.continue_.clone().unwrap();

    server.deploy("aa", 0, |_| {}).await;
    server.deploy("cc", 0, |_| {}).await;
    let second = server
        .deployments()
        .list(&two.clone().continue_token(&token))
        .await
        .unwrap();
    let token = second.metadata.continue_.clone().unwrap();
    let third = server
        .deployments()
        .list(&two.continue_token(&token))
        .await
        .unwrap();

    let pages = [&first, &second, &third];
    let names: Vec<_> = pages
        .iter()
        .flat_map(|p| &p.items)
        .map(|d| d.metadata.name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(
        first.metadata.resource_version,
        third.metadata.resource_version
    );
    assert_eq!(third.metadata.continue_.as_deref().unwrap_or(""), "");
    assert_eq!(third.metadata.remaining_item_count, None);
}

pub async fn a_selected_list_does_not_count_what_remains(server: Server) {
    five_deployments(&server).await;
    let selected = ListParams::default().limit(2).labels("app!=a");
    let page = server.deployments().list(&selected).await.unwrap();
    assert_eq!(page.items.len(), 2);
    assert!(page.metadata.continue_.is_some());
    assert_eq!(page.metadata.remaining_item_count, None);
}

pub async fn an_invalid_continue_token_is_refused(server: Server) {
    let wrong = ListParams::default().limit(2).continue_token("nonsense");
    let status = refusal(server.deployments().list(&wrong).await);
    assert_eq!((status.code, status.reason.as_str()), (400, "BadRequest"));
    assert!(status.message.contains("continue"), "{}", status.message);
}

pub async fn a_list_of_the_future_is_not_given(server: Server) {
    let path = server.path("?resourceVersion=900000000000");
    let (code, body) = server.get(&path).await;
    assert_eq!(
        (code, body["reason"].as_str()),
        (504, Some("Timeout")),
        "{body}"
    );
    let message = body["message"].as_str().unwrap();
    assert!(
        message.starts_with("Timeout: Too large resource version: 900000000000, current: "),
        "{message}"
    );
    assert_eq!(
        body["details"]["causes"][0]["reason"],
        "ResourceVersionTooLarge"
    );
}
