use std::time::Duration;

use futures::{AsyncBufReadExt as _, StreamExt as _};
use jiff::Timestamp;
use kube::api::LogParams;
use serde_json::json;

use crate::fixtures::refusal;
use crate::server::Server;

/// The name of the only pod of a new deployment, once it is ready.
async fn ready_pod(server: &Server) -> String {
    server
        .deploy("web", 1, |body| {
            body["spec"]["template"]["metadata"]["annotations"] =
                json!({ "k8s-sim/log-lines-per-second": "20" });
        })
        .await;
    server.rolled_out("web").await;
    server.pods_of("web").await.remove(0).metadata.name.unwrap()
}

async fn log(server: &Server, pod: &str, params: LogParams) -> Vec<String> {
    let text = server.pods().logs(pod, &params).await.unwrap();
    text.lines().map(str::to_owned).collect()
}

async fn ten_lines(server: &Server, pod: &str) -> Vec<String> {
    server
        .eventually("ten lines", async || {
            let lines = log(server, pod, LogParams::default()).await;
            (lines.len() >= 10).then_some(lines)
        })
        .await
}

pub async fn a_tail_is_the_end_of_the_log(server: Server) {
    let pod = ready_pod(&server).await;
    let all = ten_lines(&server, &pod).await;
    let tail = |lines| LogParams {
        tail_lines: Some(lines),
        ..LogParams::default()
    };
    assert_eq!(log(&server, &pod, tail(3)).await.len(), 3);
    assert_eq!(log(&server, &pod, tail(0)).await.len(), 0);
    let again = log(&server, &pod, tail(100_000)).await;
    assert_eq!(again[..all.len()], all[..]);
}

pub async fn timestamps_come_first_on_each_line(server: Server) {
    let pod = ready_pod(&server).await;
    let plain = ten_lines(&server, &pod).await;
    let params = LogParams {
        timestamps: true,
        ..LogParams::default()
    };
    let stamped = log(&server, &pod, params).await;
    let mut last = Timestamp::UNIX_EPOCH;
    for (plain, stamped) in plain.iter().zip(&stamped) {
        let (time, text) = stamped.split_once(' ').unwrap();
        let time: Timestamp = time.parse().unwrap();
        assert!(time > last);
        last = time;
        assert_eq!(text, plain);
    }
}

pub async fn a_log_can_begin_later(server: Server) {
    let pod = ready_pod(&server).await;
    ten_lines(&server, &pod).await;
    let stamped = LogParams {
        timestamps: true,
        ..LogParams::default()
    };
    let all = log(&server, &pod, stamped.clone()).await;
    let since: Timestamp = all[5].split_once(' ').unwrap().0.parse().unwrap();
    // Requested to the second, as Kubernetes times are.
    let since = Timestamp::from_second(since.as_second() + 1).unwrap();
    let later = LogParams {
        since_time: Some(since),
        ..stamped
    };
    let lines = server
        .eventually("a line after that", async || {
            let lines = log(&server, &pod, later.clone()).await;
            (!lines.is_empty()).then_some(lines)
        })
        .await;
    assert!(lines.iter().all(|line| {
        line.split_once(' ')
            .unwrap()
            .0
            .parse::<Timestamp>()
            .unwrap()
            >= since
    }));
    let young = LogParams {
        since_seconds: Some(100_000),
        ..LogParams::default()
    };
    assert!(log(&server, &pod, young).await.len() >= 10);
}

pub async fn a_log_can_be_cut(server: Server) {
    let pod = ready_pod(&server).await;
    ten_lines(&server, &pod).await;
    let params = LogParams {
        limit_bytes: Some(50),
        ..LogParams::default()
    };
    assert_eq!(server.pods().logs(&pod, &params).await.unwrap().len(), 50);
}

pub async fn a_followed_log_goes_on(server: Server) {
    let pod = ready_pod(&server).await;
    let before = ten_lines(&server, &pod).await.len();
    let params = LogParams {
        follow: true,
        ..LogParams::default()
    };
    let lines = server
        .pods()
        .log_stream(&pod, &params)
        .await
        .unwrap()
        .lines();
    let enough = lines.take(before + 10).collect::<Vec<_>>();
    let enough = tokio::time::timeout(Duration::from_secs(30), enough)
        .await
        .unwrap();
    assert_eq!(enough.len(), before + 10);

    let tail = LogParams {
        follow: true,
        tail_lines: Some(1),
        ..LogParams::default()
    };
    let mut rest = server.pods().log_stream(&pod, &tail).await.unwrap().lines();
    rest.next().await.unwrap().unwrap();
    server
        .deployments()
        .delete("web", &Default::default())
        .await
        .unwrap();
    let end = tokio::time::timeout(Duration::from_secs(60), rest.collect::<Vec<_>>());
    assert!(end.await.is_ok(), "a followed log ends with its container");
}

pub async fn the_container_must_be_clear(server: Server) {
    server.deploy("web", 1, |body| {
        body["spec"]["template"]["spec"]["containers"] = json!([{ "name": "app", "image": "app:1" }, { "name": "proxy", "image": "proxy:1" }]);
    }).await;
    server.rolled_out("web").await;
    let pod = server.pods_of("web").await.remove(0).metadata.name.unwrap();
    let status = refusal(server.pods().logs(&pod, &LogParams::default()).await);
    assert_eq!((status.code, status.reason.as_str()), (400, "BadRequest"));
    assert_eq!(
        status.message,
        format!("a container name must be specified for pod {pod}, choose one of: [app proxy]")
    );
    let of = |name: &str| LogParams {
        container: Some(name.to_owned()),
        ..LogParams::default()
    };
    let status = refusal(server.pods().logs(&pod, &of("other")).await);
    assert_eq!(
        (status.code, status.message),
        (400, format!("container other is not valid for pod {pod}"))
    );
    let both = (
        log(&server, &pod, of("app")).await,
        log(&server, &pod, of("proxy")).await,
    );
    assert!(!both.0.is_empty() && both.0 != both.1);
    let status = refusal(server.pods().logs("absent", &LogParams::default()).await);
    assert_eq!(
        (status.code, status.message.as_str()),
        (404, "pods \"absent\" not found")
    );
}

pub async fn there_is_no_log_before_the_first_start(server: Server) {
    let pod = ready_pod(&server).await;
    let params = LogParams {
        previous: true,
        ..LogParams::default()
    };
    let status = refusal(server.pods().logs(&pod, &params).await);
    assert_eq!((status.code, status.reason.as_str()), (400, "BadRequest"));
    assert_eq!(
        status.message,
        format!("previous terminated container \"app\" in pod \"{pod}\" not found")
    );
}

pub async fn there_is_no_log_of_what_never_started(server: Server) {
    server
        .deploy("web", 1, |body| {
            body["spec"]["template"]["spec"]["containers"][0]["image"] =
                "web:does-not-exist".into();
        })
        .await;
    server.eventually("a refusal with the reason", async || {
        let pod = server.pods_of("web").await.first()?.metadata.name.clone()?;
        let status = match server.pods().logs(&pod, &LogParams::default()).await {
            Err(kube::Error::Api(status)) => status,
            _ => return None,
        };
        let expected = format!("container \"app\" in pod \"{pod}\" is waiting to start: trying and failing to pull image");
        (status.code == 400 && status.message == expected).then_some(())
    }).await;
}

pub async fn options_out_of_range_are_refused(server: Server) {
    let pod = ready_pod(&server).await;
    for query in [
        "tailLines=-1",
        "sinceSeconds=0",
        "limitBytes=0",
        "sinceSeconds=1&sinceTime=2026-01-01T00%3A00%3A00Z",
    ] {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{pod}/log?{query}",
            server.namespace
        );
        let (code, status) = server.get(&path).await;
        assert_eq!(
            (code, &status["reason"]),
            (422, &"Invalid".into()),
            "{query}: {status}"
        );
        assert!(
            status["message"]
                .as_str()
                .unwrap()
                .starts_with(&format!("PodLogOptions \"{pod}\" is invalid: ")),
            "{status}"
        );
    }
}
