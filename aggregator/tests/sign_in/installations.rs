//! Two installations on one host, such as two demos: a browser sends the cookies of one to the other, since cookies know no ports.

use axum::http::{StatusCode, header};

use crate::service::{PASSWORD, Service, Site, request};

/// The cookies that a sign-in sets, as a browser sends them back.
async fn cookies(service: &Service) -> Vec<String> {
    let answer = service.login("ana", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let set = answer.headers.get_all(header::SET_COOKIE).iter();
    let pairs = set.filter_map(|value| value.to_str().ok()?.split(';').next());
    pairs.map(str::to_owned).collect()
}

#[tokio::test]
async fn installations_on_one_host_do_not_end_each_others_sessions() {
    let (one, other) = (Site::start().await, Site::start().await);
    let (one, other) = (one.service().await, other.service().await);
    let mut jar: Vec<(String, String)> = Vec::new();
    for service in [&one, &other] {
        for cookie in cookies(service).await {
            let (name, value) = cookie.split_once('=').expect("a cookie");
            // The same name overwrites.
            jar.retain(|(there, _)| there != name);
            jar.push((name.to_owned(), value.to_owned()));
        }
    }
    let jar: Vec<_> = jar
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let jar = jar.join("; ");
    for service in [&one, &other] {
        let answer = service
            .send(request("GET", "/me", &[("cookie", &jar)], ""))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{jar}");
    }
}

#[tokio::test]
async fn replicas_of_one_installation_share_the_cookie() {
    let site = Site::start().await;
    let (one, other) = (site.service().await, site.service().await);
    assert_eq!(one.cookie(), other.cookie());
    assert!(one.cookie().starts_with("__Host-mca_session_"));
}
