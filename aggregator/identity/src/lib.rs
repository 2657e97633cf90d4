//! Users, their sessions, and what each may do. Knows neither the presence of clusters nor requests.

mod credential;
mod grants;
mod identity;
pub mod password;
pub mod prepared;
mod principal;
pub mod sessions;
pub mod users;

pub use credential::{CredentialId, CredentialLifetime};
pub use grants::{BUILT_IN_ROLES, Grant, Grants, built_in};
pub use identity::Identity;
pub use principal::Principal;
