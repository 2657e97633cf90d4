//! The activity of a connection: its requests in flight, and when one of them last began, made progress or ended. Other traffic, such as
//! HTTP/2 pings, does not count.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::Limits;

#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    requested: bool,
    in_flight: usize,
    last: Instant,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            requested: false,
            in_flight: 0,
            last: Instant::now(),
        }))
    }

    /// A request has begun.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        let mut state = self.state();
        state.requested = true;
        state.in_flight += 1;
        state.last = Instant::now();
        InFlight(Arc::clone(self))
    }

    /// Since when there is no request in flight; `None` if there is one.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.in_flight == 0).then_some(state.last)
    }

    /// When the connection is closed unless something happens until then. Never moves backwards.
    pub(super) fn deadline(&self, limits: Limits) -> Instant {
        let state = self.state();
        let within = if state.requested {
            limits.idle_within
        } else {
            limits.headers_within
        };
        state.last + within
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

/// A request in flight, until its whole response is sent or abandoned.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl InFlight {
    /// The body, with which the request stays in flight until it ends.
    pub(super) fn until_the_end_of(self, body: Body) -> Body {
        Body::new(CountedBody {
            body,
            in_flight: self,
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        state.last = Instant::now();
    }
}

#[derive(Debug)]
struct CountedBody {
    body: Body,
    in_flight: InFlight,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        // Not polled while the client does not read, so a stalled reader makes no progress here.
        self.in_flight.0.state().last = Instant::now();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
