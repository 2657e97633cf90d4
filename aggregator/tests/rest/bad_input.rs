use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::service::Answer;
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn invalid_names_are_refused_with_their_field() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    for name in [
        "a.b",
        "%2A",
        "%3E",
        "a%20b",
        "a%09b",
        "a%0D%0APUB",
        "%00",
        "..%2f",
        "%25",
        "A",
        "%C3%A9",
    ] {
        let answer = stack
            .service
            .get(&format!("/namespaces/{name}"), &token)
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {answer:?}");
        assert_eq!(answer.body["field"], "cluster", "{name}: {answer:?}");
        answer.code();
    }
    for (field, value) in [
        ("cluster", "*"),
        ("namespace", "a.b"),
        ("deployment_name", "a b"),
    ] {
        let mut body =
            json!({"cluster": "cluster-a", "namespace": "default", "deployment_name": "x"});
        body[field] = json!(value);
        let answer = stack.service.post("/restart", &token, &body).await;
        assert_eq!(answer.code(), "invalid_request", "{field}");
        assert_eq!(answer.body["field"], field);
    }
}

/// A filter that matches nothing because of a typo looks as if all were well.
#[tokio::test(flavor = "multi_thread")]
async fn one_filter_of_healths_is_read_alike_everywhere() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, _) = stack.healthy("cluster-a").await;
    for path in [
        "/deployments",
        &format!("/deployments/cluster-a/{namespace}"),
    ] {
        let get = async |health: &str| {
            let path = format!("{path}?health={health}");
            stack.service.get(&path, &token).await
        };
        let all = get("failed,degraded,progressing,paused,healthy").await;
        let healthy = get("degraded,healthy").await;
        for found in [&all, &healthy] {
            let items = found.body["items"].as_array();
            assert!(
                items.is_some_and(|items| !items.is_empty()),
                "{path}: {found:?}"
            );
        }
        for wrong in ["AAA", "failed,AAA", "Failed", ""] {
            let answer = get(wrong).await;
            assert_eq!(
                answer.status,
                StatusCode::BAD_REQUEST,
                "{path} {wrong}: {answer:?}"
            );
            assert_eq!(answer.body["field"], "health", "{path} {wrong}");
            let detail = answer.body["detail"].as_str().expect("a detail");
            assert!(detail.contains("use healthy, progressing"), "{detail}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_one_line_of_some_length_or_is_refused_before_anything_is_done() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let body = |reason: &str| json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name, "reason": reason});
    let (longest, too_long) = ("ä".repeat(500), "ä".repeat(501));
    for path in ["/restart", "/pause", "/resume"] {
        for reason in ["", "  ", "two\nlines", "a\u{0}", "a\u{2028}b", &too_long] {
            let answer = stack.service.post(path, &token, &body(reason)).await;
            assert_eq!(
                (answer.status, answer.code(), &answer.body["field"]),
                (
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "invalid_request",
                    &json!("reason")
                ),
                "{path} {reason:?}"
            );
            let detail = answer.body["detail"].as_str().expect("a detail");
            assert!(
                detail.contains("one line of 1 to 500 characters"),
                "{detail}"
            );
        }
    }
    let done = stack
        .service
        .post("/restart", &token, &body(&longest))
        .await;
    assert_eq!(done.status, StatusCode::OK, "{done:?}");
    let audit = stack
        .service
        .get(&format!("/audit?deployment_name={name}"), &token)
        .await;
    let items = audit.body["items"].as_array().expect("items");
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!(items[0]["reason"], json!(longest));
    let id = done.body["operation_id"].as_str().expect("an id");
    let operation = stack
        .service
        .get(&format!("/operations/{id}"), &token)
        .await;
    assert_eq!(operation.body["reason"], json!(longest));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_bodies_are_refused() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let deep = "[".repeat(30_000);
    let unknown =
        r#"{"cluster":"cluster-a","namespace":"default","deployment_name":"x","force":true}"#;
    for (body, field) in [
        ("", None),
        ("{", None),
        (deep.as_str(), None),
        ("null", None),
        (unknown, Some("force")),
    ] {
        let answer = stack
            .service
            .post_text("/restart", &token, body.to_owned())
            .await;
        assert!(answer.status.is_client_error(), "{answer:?}");
        assert_eq!(answer.code(), "invalid_request");
        assert_eq!(answer.body["field"].as_str(), field);
    }
    let large = format!(r#"{{"cluster":"{}"}}"#, "a".repeat(70_000));
    let answer = stack.service.post_text("/restart", &token, large).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
    );
    let text = Request::post("/restart")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "text/plain");
    let answer = Answer::read(
        stack
            .service
            .send(text.body(Body::from("{}")).unwrap())
            .await,
    )
    .await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    answer.code();
}

/// Read as JSON it would only be "not JSON".
#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_refused_with_the_codings_that_are_accepted() {
    let stack = Stack::start(0).await;
    let token = stack.service.token("admin").await;
    for (path, kind) in [
        ("/log", "application/json"),
        ("/restart", "application/json"),
        ("/login", "application/json"),
        ("/login", "application/x-www-form-urlencoded"),
    ] {
        for (coding, refused) in [
            ("gzip", true),
            ("br", true),
            ("identity, gzip", true),
            ("identity", false),
        ] {
            let request = Request::post(path)
                .header("authorization", format!("Bearer {token}"))
                .header("content-type", kind)
                .header("content-encoding", coding);
            let request = request.body(Body::from("\u{1f}\u{8b}")).expect("a request");
            let answer = Answer::read(stack.service.send(request).await).await;
            let accepted = answer.headers.get("accept-encoding");
            assert_eq!(accepted.is_some(), refused, "{path} {coding}: {answer:?}");
            let code = answer.code();
            assert_eq!(
                code == "content_encoding_unsupported",
                refused,
                "{answer:?}"
            );
            assert_eq!(answer.status == StatusCode::UNSUPPORTED_MEDIA_TYPE, refused);
        }
    }
    // A broken media type is not the coding's fault.
    let text = Request::post("/log").header("authorization", format!("Bearer {token}"));
    let text = text.body(Body::from("{}")).expect("a request");
    let answer = Answer::read(stack.service.send(text).await).await;
    assert_eq!(answer.code(), "media_type_unsupported");
    assert!(!answer.headers.contains_key("accept-encoding"));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_paths_methods_and_queries_are_problems_too() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    assert_eq!(
        stack.service.get("/nowhere", &token).await.code(),
        "route_unknown"
    );
    assert_eq!(
        stack.service.get("/restart", &token).await.code(),
        "method_not_allowed"
    );
    let query = stack.service.get("/audit?colour=red", &token).await;
    assert_eq!(
        (query.code(), &query.body["field"]),
        ("invalid_request", &json!("colour"))
    );
    let cursor = stack.service.get("/audit?continue=x", &token).await;
    assert_eq!(cursor.body["field"], "continue");
    let selector = stack
        .service
        .get(
            "/deployments/cluster-a/default?labelSelector=%3D%3D",
            &token,
        )
        .await;
    assert_eq!(selector.code(), "invalid_request", "{selector:?}");
    assert_eq!(selector.body["field"], "labelSelector");
    for path in ["/namespaces/cluster-a", "/deployments/cluster-a/default"] {
        let path = format!("{path}?continue=%20");
        let cursor = stack.service.get(&path, &token).await;
        assert_eq!(cursor.body["field"], "continue", "{cursor:?}");
    }
}

/// Every number of the document's queries and bodies, just outside of its bounds.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_out_of_its_bounds_is_refused_with_its_field() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let document = stack.service.get("/openapi.json", "").await.body;
    let outside = |schema: &Value| {
        let bound = |of: &str| schema[of].as_i64();
        let below = bound("minimum").map(|minimum| json!(minimum - 1));
        let above = bound("maximum").map(|maximum| json!(maximum + 1));
        [below, above, Some(json!(u64::MAX)), Some(json!("x"))]
    };
    let is_number = |schema: &Value| schema["type"].to_string().contains("integer");
    let (mut queries, mut bodies) = (0, 0);
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let target = path
            .replace("{cluster}", "cluster-a")
            .replace("{namespace}", &namespace)
            .replace("{kind}", "Deployment")
            .replace("{name}", &name)
            .replace("{run_id}", "none");
        for parameter in methods["get"]["parameters"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let (field, schema) = (&parameter["name"], &parameter["schema"]);
            if parameter["in"] != "query" || !is_number(schema) {
                continue;
            }
            queries += 1;
            for value in outside(schema).into_iter().flatten() {
                let value = value.as_str().map_or(value.to_string(), str::to_owned);
                let target = format!("{target}?{}={value}", field.as_str().expect("a name"));
                let answer = stack.service.get(&target, &token).await;
                assert_eq!(
                    answer.status,
                    StatusCode::BAD_REQUEST,
                    "{target}: {answer:?}"
                );
                assert_eq!(&answer.body["field"], field, "{target}");
            }
        }
        let body = &methods["post"]["requestBody"]["content"]["application/json"]["schema"];
        let Some(schema) = body["$ref"].as_str().and_then(|it| it.strip_prefix('#')) else {
            continue;
        };
        let fields = document.pointer(schema).map(|schema| &schema["properties"]);
        for (field, schema) in fields.and_then(Value::as_object).into_iter().flatten() {
            if !is_number(schema) || target.starts_with("/runs") {
                continue;
            }
            bodies += 1;
            for value in outside(schema).into_iter().flatten() {
                let mut body = json!({"cluster": "cluster-a", "namespace": namespace, "deployment_name": name});
                if path == "/scale" {
                    body["replicas"] = json!(1);
                }
                body[field] = value;
                let answer = stack.service.post(&target, &token, &body).await;
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                assert_eq!(answer.status, status, "{target} {body}: {answer:?}");
                assert_eq!(&answer.body["field"], field, "{target} {body}");
                assert_eq!(answer.body["hop"], "aggregator");
            }
        }
    }
    assert!(queries >= 8 && bodies >= 4, "{queries} {bodies}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_may_begin_as_long_ago_as_the_document_says() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    for seconds in [i64::from(i32::MAX) + 1, i64::from(u32::MAX)] {
        let body = json!({
            "cluster": "cluster-a", "namespace": namespace, "deployment_name": name, "since_seconds": seconds,
        });
        let answer = stack.service.post("/log", &token, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{seconds}: {answer:?}");
        let containers = answer.body["containers"].as_array().expect("containers");
        assert!(
            containers.iter().all(|it| it["problem"].is_null()),
            "{seconds}: {answer:?}"
        );
    }
    // Without a deployment it is a page of the audit, which is shorter.
    for tail in [0, 501] {
        let answer = stack
            .service
            .post("/log", &token, &json!({"tail": tail}))
            .await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("tail"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_refuses_has_its_field_and_failed_there() {
    let stack = Stack::start(1).await;
    let token = stack.service.token("admin").await;
    let (namespace, name) = stack.healthy("cluster-a").await;
    let until = json!({
        "cluster": "cluster-a", "namespace": namespace, "deployment_name": name, "until": "2026-01-01T00:00:00Z",
    });
    let log = stack.service.post("/log", &token, &until).await;
    let path = format!("/deployments/cluster-a/{namespace}?continue=%20");
    let list = stack.service.get(&path, &token).await;
    for (answer, field) in [(log, "until"), (list, "continue")] {
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{answer:?}"
        );
        assert_eq!(answer.body["field"], field, "{answer:?}");
        assert_eq!(answer.body["hop"], "agent", "{answer:?}");
    }
}

/// Every call of the document without a token, and every changing one with a viewer's.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_document_requires_a_session() {
    let stack = Stack::start(1).await;
    let viewer = stack.service.token("viewer").await;
    let document = stack.service.get("/openapi.json", "").await.body;
    let open = [
        "/login",
        "/logout",
        "/livez",
        "/readyz",
        "/metrics",
        "/join/{token}",
    ];
    for (path, methods) in document["paths"].as_object().unwrap() {
        if open.contains(&path.as_str()) {
            continue;
        }
        let target = path
            .replace("{cluster}", "cluster-a")
            .replace("{namespace}", "default")
            .replace("{deployment_name}", "x")
            .replace("{run_id}", "none")
            .replace("{invitation_id}", &"0".repeat(64));
        // Only users who may enroll its cluster may learn whether it exists.
        let refused = match path.as_str() {
            "/invitations/{invitation_id}" => StatusCode::NOT_FOUND,
            path if path.starts_with("/runs/") => StatusCode::NOT_FOUND,
            _ => StatusCode::FORBIDDEN,
        };
        let body = match path.as_str() {
            "/clusters/{cluster}/enroll" | "/clusters/{cluster}/invite" => json!({}),
            "/image" => {
                json!({"cluster": "cluster-a", "namespace": "default", "deployment_name": "x", "images": [{"container": "c", "image": "i"}]})
            }
            "/runs" => json!({"action": "restart", "targets": {}, "dry_run": true}),
            path if path.starts_with("/runs/") => json!({}),
            "/scale" => {
                json!({"cluster": "cluster-a", "namespace": "default", "deployment_name": "x", "replicas": 3})
            }
            _ => json!({"cluster": "cluster-a", "namespace": "default", "deployment_name": "x"}),
        };
        for method in methods.as_object().unwrap().keys() {
            let request = |token: &str| {
                Request::builder()
                    .method(method.to_uppercase().as_str())
                    .uri(&target)
                    .header("authorization", format!("Bearer {token}"))
                    .header("content-type", "application/json")
                    .body(Body::from(body.to_string()))
                    .unwrap()
            };
            let answer = Answer::read(stack.service.send(request("mca_wrong")).await).await;
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::UNAUTHORIZED, "unauthenticated"),
                "{method} {path}"
            );
            if matches!(method.as_str(), "post" | "delete") && path != "/log" {
                let answer = Answer::read(stack.service.send(request(&viewer)).await).await;
                assert_eq!(answer.status, refused, "{method} {path}");
            }
        }
    }
}

/// Text from others stays text, also in a browser that opens a response as a page.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_a_browser_may_load_for_it() {
    let stack = Stack::start(0).await;
    let token = stack.service.token("viewer").await;
    let policy = async |path: &str| {
        let answer = stack.service.get(path, &token).await;
        let policy = answer.headers.get("content-security-policy");
        let policy = policy.unwrap_or_else(|| panic!("{path}: {answer:?}"));
        policy.to_str().expect("ASCII").to_owned()
    };
    for path in [
        "/me",
        "/clusters",
        "/livez",
        "/metrics",
        "/nothing",
        "/watch?q=x",
        "/join/x",
    ] {
        let none = "default-src 'none'; frame-ancestors 'none'";
        assert_eq!(policy(path).await, none, "{path}");
    }
    for path in ["/docs/", "/docs/swagger-ui.css", "/openapi.json"] {
        let own = policy(path).await;
        assert!(
            own.starts_with("default-src 'none'; script-src 'self';"),
            "{own}"
        );
        assert!(!own.contains("unsafe") && !own.contains("http"), "{own}");
    }
}
