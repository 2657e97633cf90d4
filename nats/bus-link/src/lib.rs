//! How agents and aggregator connect to the bus: server addresses, TLS and trust, reconnecting, compression of large replies, and
//! their logs. Independent of credentials and message contents.

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
