//! Server-sent events: a bounded buffer for each reader, whose backpressure holds up the producer of its events. A stream ends when the reader leaves, the session ends, the grants change, or the
//! program stops.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::app::App;
use crate::caller::Caller;
use diagnostics::{Problem, ProblemCode};
use fleet::watch::Delivered;

/// Events buffered for a slow reader before their producer waits too, and their bytes, unless a single event is larger.
const EVENTS: usize = 16;
const BYTES: usize = 32 * 1024;

/// How long the reason for an ended stream waits for its reader.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// The sender of a stream's events.
#[derive(Debug)]
pub struct Events {
    sender: mpsc::Sender<Waiting>,
    buffer: Arc<Semaphore>,
}

/// An event, with the permits for its bytes until its reader has received it.
type Waiting = (Event, OwnedSemaphorePermit);

#[derive(Serialize)]
struct ProblemEvent<'a> {
    code: &'a str,
    detail: &'a str,
    retryable: bool,
}

impl Events {
    /// Sends an event; waits while the reader is slow. Does nothing when the reader has left: the producer of the events is then
    /// stopped.
    pub async fn send<T: Serialize>(&self, name: &'static str, data: &T) {
        match serde_json::to_string(data) {
            Ok(data) => self.write(Event::default().event(name), &data).await,
            Err(error) => tracing::error!(%error, name, "cannot serialize an event"),
        }
    }

    /// Sends an event that is serialized already; waits like [`Events::send`].
    pub async fn forward(&self, delivered: Delivered) {
        let event = Event::default().event(delivered.name).id(delivered.id);
        self.write(event, &delivered.data).await;
    }

    async fn write(&self, event: Event, data: &str) {
        let bytes = u32::try_from(data.len().min(BYTES)).expect("a small bound");
        let permit = Arc::clone(&self.buffer).acquire_many_owned(bytes).await;
        let permit = permit.expect("the semaphore is never closed");
        drop(self.sender.send((event.data(data), permit)).await);
    }

    /// Sends the reason of a failure.
    pub async fn problem(&self, problem: &Problem) {
        let data = ProblemEvent {
            code: problem.code.as_str(),
            detail: &problem.detail,
            retryable: problem.code.retryable(),
        };
        self.send("problem", &data).await;
    }
}

/// Responds with the events that `make` sends until it returns.
pub fn respond<F>(app: &App, caller: &Caller, make: impl FnOnce(Events) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(EVENTS);
    let buffer = Arc::new(Semaphore::new(BYTES));
    let events = || Events {
        sender: sender.clone(),
        buffer: Arc::clone(&buffer),
    };
    let (last_words, making) = (events(), make(events()));
    let (revocation, stopping) = (caller.revocation.clone(), app.stopping.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = making => {}
            () = sender.closed() => {}
            () = stopping.cancelled() => {}
            () = revocation.revoked() => {
                let detail = "the session has ended or its grants have changed; sign in again";
                let problem = Problem::new(ProblemCode::Unauthenticated, detail);
                // A reader that receives nothing is disconnected without the reason.
                let said = last_words.problem(&problem);
                drop(tokio::time::timeout(LAST_WORDS_WITHIN, said).await);
            }
        }
    });
    let reader = app.metrics.reader();
    let events = stream::unfold((receiver, reader), async |(mut receiver, reader)| {
        let (event, _room) = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), (receiver, reader)))
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    // nginx buffers a response unless it says otherwise, and its reader would get no event until the buffer is full.
    let unbuffered = [("x-accel-buffering", "no")];
    (unbuffered, Sse::new(events).keep_alive(keep_alive)).into_response()
}
