//! A watcher of the fleet.

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures::StreamExt as _;
use serde_json::Value;

use crate::service::{Answer, PATIENCE, Service};

/// An open stream of events.
pub struct Watcher {
    body: BodyDataStream,
    text: String,
    /// The id of the last event.
    pub last_id: Option<String>,
}

#[derive(Debug)]
pub struct Seen {
    pub name: String,
    pub data: Value,
}

impl Watcher {
    pub async fn open(service: &Service, path: &str, token: &str, last_id: Option<&str>) -> Self {
        match Self::try_open(service, path, token, last_id).await {
            Ok(watcher) => watcher,
            Err(answer) => panic!("{answer:?}"),
        }
    }

    pub async fn try_open(
        service: &Service,
        path: &str,
        token: &str,
        last_id: Option<&str>,
    ) -> Result<Self, Answer> {
        let mut request = Request::get(path).header("authorization", format!("Bearer {token}"));
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = service.send(request).await;
        if response.status() != StatusCode::OK {
            return Err(Answer::read(response).await);
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ok(Self::of(String::new(), response.into_body()))
    }

    /// One that resumes after the last event of another.
    pub fn of(text: String, rest: Body) -> Self {
        Self {
            body: rest.into_data_stream(),
            text,
            last_id: None,
        }
    }

    /// The next event; `None` when the stream has ended.
    pub async fn try_next(&mut self) -> Option<Seen> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                match self.read(&event) {
                    Some(seen) => return Some(seen),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.body.next()).await;
            let chunk = chunk.expect("something comes in time")?;
            self.text += &String::from_utf8_lossy(&chunk.expect("the stream goes on"));
        }
    }

    pub async fn next(&mut self) -> Seen {
        self.try_next().await.expect("the stream goes on")
    }

    /// Reads until such an event arrives; returns its data.
    pub async fn until(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let reading = async {
            loop {
                let seen = self.next().await;
                if seen.name == name && wanted(&seen.data) {
                    return seen.data;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, reading).await;
        found.unwrap_or_else(|_| panic!("no such event {name} in time"))
    }

    /// `None` for a comment that keeps the connection alive.
    fn read(&mut self, text: &str) -> Option<Seen> {
        let field = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            lines
                .find(|(field, _)| *field == name)
                .map(|(_, value)| value.to_owned())
        };
        let name = field("event")?;
        self.last_id = field("id").or(self.last_id.take());
        let data = serde_json::from_str(&field("data")?).expect("JSON");
        Some(Seen { name, data })
    }
}
