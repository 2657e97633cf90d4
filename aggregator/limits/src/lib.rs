//! Rate limits for attempts and quotas for open streams, by user, address and network.

mod attempts;
mod network;
mod stream_quota;
mod window;

pub use attempts::Attempts;
pub use network::network;
pub use stream_quota::{QuotaExceeded, Stream, StreamPermit, StreamQuota};
pub use window::{Limit, Take, Window};
