//! How agents and aggregator reach the bus: at which nats-servers, over TLS or not, whom they trust, how large replies are packed, and
//! what they say when it does not work. Knows nothing of credentials and of what messages say.

mod authority;
mod clock;
pub mod encoding;
mod lame_duck;
mod servers;
mod trouble;

pub use authority::{Authority, AuthorityError};
pub use clock::{Clock, Moment};
pub use lame_duck::LameDuckHandler;
pub use servers::{Servers, ServersError};
pub use trouble::is_told_elsewhere;
