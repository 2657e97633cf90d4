//! The HTTP side: the calls of the API and their document, authentication, rendering of problems, event streams, the listener, and the files of
//! the web UI. Uses `fleet` and `enrolment`, and knows nothing of NATS.

pub mod app;
pub mod authentication;
pub mod caller;
mod client_address;
mod device;
pub mod dropped_cookie;
mod event_stream;
mod extract;
pub mod front;
mod idempotency;
pub mod listener;
mod openapi;
pub mod origin;
mod problem_response;
pub mod public_url;
pub mod routes;
pub mod session_cookie;
mod sign_in;
mod sub_path;
pub mod trusted_proxies;
mod ui;
