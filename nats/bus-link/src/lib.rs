//! How agents and aggregator reach the bus: at which nats-servers, over TLS or not, whom they trust, how they reconnect, how large
//! replies are packed, and what they log. Knows nothing of credentials and of what messages say.

mod address;
mod authority;
mod backoff;
mod clock;
mod connect;
pub mod encoding;
mod lame_duck;
mod log;
mod servers;
mod trouble;

pub use address::BusAddress;
pub use authority::{Authority, AuthorityError};
pub use clock::{Clock, Moment};
pub use connect::{Observed, connect};
pub use lame_duck::LameDuckHandler;
pub use log::LogFormat;
pub use servers::{Servers, ServersError};
