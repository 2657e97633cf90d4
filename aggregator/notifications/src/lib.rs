//! Notifications: tells webhooks of the states of runs, at least once each. The outbox is `transitions` in the record of each run; what
//! was delivered is kept beside it, so that any replica can go on where another one has stopped. Knows nothing of what a run does.

mod address;
mod backoff;
mod client;
mod deliver;
mod file;
mod message;
mod metrics;
mod notifier;
mod outbox;
mod record;
mod signature;
mod webhook;

pub use client::{Client, ClientError, Outcome};
pub use file::{FileError, read};
pub use message::{Message, RunLinks};
pub use metrics::DeliveryMetrics;
pub use notifier::Notifier;
pub use record::check;
pub use webhook::{Format, Webhook};
