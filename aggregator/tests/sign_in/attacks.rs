//! Attacks without a session.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use identity::password::{self, Password};
use identity::sessions::Token;
use serde_json::json;

use crate::service::{Answer, PASSWORD, Service, Site, bearer, login, request};

#[tokio::test]
async fn a5_wrong_tokens_are_all_refused_alike() {
    let (site, elsewhere) = (Site::start().await, Site::start().await);
    let service = site.service().await;
    let good = service.token("ana").await;
    let ended = service.token("ana").await;
    service.send(bearer("POST", "/logout", &ended)).await;
    let foreign = elsewhere.service().await.token("ana").await;
    let forged = Token::mint().unwrap();
    let flipped = good.replace(&good[10..11], if &good[10..11] == "A" { "B" } else { "A" });

    let none = service.send(request("GET", "/me", &[], "")).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    assert_eq!(none.code(), "unauthenticated");
    assert_eq!(none.header("www-authenticate"), "Bearer");
    let none = none.without_id();
    for token in [
        &ended,
        &foreign,
        forged.expose(),
        &flipped,
        &good[..good.len() - 1],
        &good[4..],
        "",
        "*",
        "mca_",
    ] {
        let answer = service.me(token).await.without_id();
        assert_eq!(answer, none, "{token}");
        let cookie = format!("{}={token}", service.cookie());
        let answer = service
            .send(request("GET", "/me", &[("cookie", &cookie)], ""))
            .await;
        assert_eq!(answer.without_id(), none, "{token}");
    }
    assert_eq!(service.me(&good).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a6_guessing_is_stopped_for_one_user_at_one_address_and_for_no_other() {
    let site = Site::start().await;
    let service = site.service().await;
    for user in ["ana", "nobody"] {
        for _ in 0..5 {
            let answer = service.login(user, "a guess").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        }
        let answer = service.login(user, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.code(), "rate_limited");
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=12).contains(&wait), "{wait}");
    }
    let runs = service.app.identity.passwords.runs();
    service.login("ana", PASSWORD).await;
    assert_eq!(
        service.app.identity.passwords.runs(),
        runs,
        "refused before any work"
    );

    let forwarded = [
        ("content-type", "application/json"),
        ("x-forwarded-for", "10.9.9.9"),
    ];
    let body = format!("{{\"username\":\"ana\",\"password\":\"{PASSWORD}\"}}");
    let lying = service
        .send(request("POST", "/login", &forwarded, &body))
        .await;
    assert_eq!(lying.code(), "rate_limited");
    // Behind the same proxy, and ana elsewhere.
    assert_eq!(service.login("bob", PASSWORD).await.status, StatusCode::OK);
    let other = service
        .send_from([10, 0, 0, 2], login("ana", PASSWORD))
        .await;
    assert_eq!(other.status, StatusCode::OK);
}

/// A sign-in from a browser that carries this cookie.
fn from_browser(user: &str, password: &str, cookie: &str) -> Request<Body> {
    let headers = [("content-type", "application/json"), ("cookie", cookie)];
    let body = json!({"username": user, "password": password}).to_string();
    request("POST", "/login", &headers, &body)
}

/// The cookie by which the browser is known from now on.
fn device_cookie(signed_in: &Answer) -> String {
    let cookies = signed_in.headers.get_all("set-cookie").iter();
    let texts = cookies.filter_map(|value| value.to_str().ok());
    let device = texts.filter(|text| text.starts_with("__Host-mca_device_"));
    let [text] = device.collect::<Vec<_>>()[..] else {
        panic!("{signed_in:?}");
    };
    let attributes = "; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=15552000";
    let cookie = text
        .strip_suffix(attributes)
        .expect("out of scripts' reach");
    cookie.to_owned()
}

#[tokio::test]
async fn the_wrong_tries_of_strangers_do_not_lock_a_user_out_of_a_known_device() {
    let site = Site::start().await;
    let (service, replica) = (site.service().await, site.service().await);
    let ana = device_cookie(&service.login("ana", PASSWORD).await);
    let bob = device_cookie(&service.login("bob", PASSWORD).await);
    let token = service.token("ana").await;
    for service in [&service, &replica] {
        // From one address all its allowed tries, for ana and for others; again before each check, since the limit refills.
        let exhaust = async || {
            while service.login("ana", "a guess").await.code() != "rate_limited" {}
            for number in 0.. {
                let guess = service.login(&format!("user-{number}"), "a guess").await;
                if guess.code() == "rate_limited" {
                    break;
                }
            }
        };
        for user in ["ana", "bob"] {
            exhaust().await;
            assert_eq!(service.login(user, PASSWORD).await.code(), "rate_limited");
        }
        for foreign in [
            &bob,
            &ana.replace("Host-mca_device", "Host-mca_devices"),
            &ana[..ana.len() - 4],
        ] {
            exhaust().await;
            let answer = service.send(from_browser("ana", PASSWORD, foreign)).await;
            assert_eq!(answer.code(), "rate_limited", "{foreign}");
        }
        let known = service.send(from_browser("ana", PASSWORD, &ana)).await;
        assert_eq!(known.status, StatusCode::OK, "{known:?}");
        let session = format!("{}={token}", service.cookie());
        let signed_in = service.send(from_browser("ana", PASSWORD, &session)).await;
        assert_eq!(signed_in.status, StatusCode::OK, "{signed_in:?}");
        exhaust().await;
        let other = service.send(from_browser("bob", PASSWORD, &session)).await;
        assert_eq!(other.code(), "rate_limited");
    }

    // A known device does not allow guessing.
    for _ in 0..5 {
        let wrong = service.send(from_browser("ana", "a guess", &ana)).await;
        assert_eq!(wrong.code(), "unauthenticated");
    }
    let sixth = service.send(from_browser("ana", PASSWORD, &ana)).await;
    assert_eq!(sixth.code(), "rate_limited");
}

#[tokio::test]
async fn an_office_behind_one_address_signs_in_as_often_as_it_likes() {
    let site = Site::start().await;
    let service = site.service().await;
    for _ in 0..12 {
        service.token("ana").await;
    }
}

#[tokio::test]
async fn a7_an_unknown_user_costs_the_same_work_and_gets_the_same_answer() {
    let site = Site::start().await;
    let service = site.service().await;
    let runs = || service.app.identity.passwords.runs();
    let tried = async |user: &'static str| -> (u64, Answer) {
        let before = runs();
        let answer = service.login(user, "a guess").await.without_id();
        (runs() - before, answer)
    };
    let known = tried("ana").await;
    assert_eq!(known.0, 1);
    assert_eq!(known.1.code(), "unauthenticated");
    assert_eq!(tried("nobody").await, known);
    assert_eq!(tried("").await, known);

    let directory = service.app.identity.users.current();
    let cost = |hash: String| hash.split('$').take(4).collect::<Vec<_>>().join("$");
    let real = directory.find("ana").unwrap().password_hash.expose();
    assert_eq!(cost(directory.decoy().expose()), cost(real));
}

async fn code(service: &Service, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let answer = service.send(request(method, path, headers, "{}")).await;
    match answer.status.is_success() {
        true => "ok".to_owned(),
        false => answer.code().to_owned(),
    }
}

#[tokio::test]
async fn a8_another_site_cannot_act_through_somebodys_browser() {
    let site = Site::start().await;
    let service = site.service().await;
    let cookie = format!("{}={}", service.cookie(), service.token("ana").await);
    let cookie = ("cookie", &*cookie);
    let plain = ("content-type", "text/plain");
    let stream = "/workloads/prod-a/default/Deployment/web/log/watch";
    for site in ["cross-site", "same-site"] {
        let site = ("sec-fetch-site", site);
        for (method, path) in [
            ("POST", "/restart"),
            ("POST", "/logout"),
            ("GET", stream),
            ("GET", "/me"),
        ] {
            assert_eq!(
                code(&service, method, path, &[cookie, site, plain]).await,
                "cross_site",
                "{path}"
            );
        }
        assert_eq!(
            code(&service, "POST", "/login", &[site, plain]).await,
            "cross_site"
        );
    }
    for origin in ["https://evil.example", "null", "https://mca.example:444"] {
        let origin = ("origin", origin);
        assert_eq!(
            code(&service, "GET", stream, &[cookie, origin]).await,
            "cross_site"
        );
        assert_eq!(
            code(&service, "POST", "/restart", &[cookie, origin]).await,
            "cross_site"
        );
        assert_eq!(
            code(&service, "POST", "/login", &[origin]).await,
            "cross_site"
        );
    }
    assert_eq!(
        code(&service, "POST", "/logout", &[cookie]).await,
        "cross_site",
        "no proof at all"
    );
    assert_eq!(code(&service, "GET", "/me", &[cookie]).await, "ok");
    assert_eq!(
        code(
            &service,
            "GET",
            "/me",
            &[cookie, ("origin", "https://mca.example")]
        )
        .await,
        "ok"
    );
    let link = [
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let link = [&[cookie, ("sec-fetch-site", "same-site")], &link[..]].concat();
    assert_eq!(
        code(&service, "GET", "/me", &link).await,
        "ok",
        "a link from a sibling host"
    );
    assert_eq!(code(&service, "POST", "/logout", &link).await, "cross_site");
    assert_eq!(
        code(
            &service,
            "POST",
            "/logout",
            &[cookie, ("sec-fetch-site", "same-origin")]
        )
        .await,
        "ok"
    );
}

#[tokio::test]
async fn a8_a_token_in_the_header_needs_no_proof() {
    let site = Site::start().await;
    let service = site.service().await;
    let header = format!("Bearer {}", service.token("ana").await);
    let cross = [
        ("authorization", &*header),
        ("sec-fetch-site", "cross-site"),
    ];
    assert_eq!(code(&service, "POST", "/logout", &cross).await, "ok");
}

#[tokio::test]
async fn a9_a_token_in_a_url_is_not_looked_at() {
    let site = Site::start().await;
    let service = site.service().await;
    let token = service.token("ana").await;
    for path in [
        "/me",
        "/clusters",
        "/workloads/prod-a/default/Deployment/web/log/watch",
    ] {
        for name in ["token", "access_token"] {
            let path = format!("{path}?{name}={token}");
            assert_eq!(
                code(&service, "GET", &path, &[]).await,
                "unauthenticated",
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a18_no_call_of_the_api_grants_rights() {
    let site = Site::start().await;
    site.write_users(&[("root", PASSWORD, "admin")]);
    let before = std::fs::read_to_string(&site.users).unwrap();
    let service = site.service().await;
    let header = format!("Bearer {}", service.token("root").await);
    let headers = [
        ("authorization", &*header),
        ("content-type", "application/json"),
    ];
    for method in ["PUT", "PATCH", "POST", "DELETE"] {
        for path in ["/me", "/users", "/users/root", "/roles", "/users.json"] {
            let answer = service
                .send(request(method, path, &headers, "{\"role\":\"admin\"}"))
                .await;
            assert!(
                [404, 405].contains(&answer.status.as_u16()),
                "{method} {path}: {answer:?}"
            );
        }
    }
    assert_eq!(std::fs::read_to_string(&site.users).unwrap(), before);
}

#[tokio::test]
async fn a19_nothing_secret_is_shown() {
    let site = Site::start().await;
    let service = site.service().await;
    let token = service.token("ana").await;
    let shown = format!("{:?} {:#?}", service.app, service.app);
    let hash = password::hash(&Password::from(PASSWORD.to_owned())).unwrap();
    let shown = format!("{shown} {hash:?}");
    for secret in ["canary", "argon2", "mca_", &token[4..]] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
    let wrong = service
        .send(request(
            "POST",
            "/login",
            &[("content-type", "application/json")],
            "{\"username\":\"ana\",\"password\":[\"canary\"]}",
        ))
        .await;
    assert!(!wrong.body.to_string().contains("canary"), "{wrong:?}");
}
