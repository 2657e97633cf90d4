//! The keys of the bus: who is trusted, what each credential may do there, and the credentials themselves. NATS's decentralised
//! JWTs (operator, accounts, users), minted here. Has no connections.
//!
//! A private key leaves this crate only as a [`Secret`], which shows its text only on request.

mod account;
mod claims;
mod credential_name;
mod credentials;
mod directory;
mod init;
mod jwt;
mod key;
mod label;
mod mint;
mod renew;
mod request;
mod routes;
mod scope;
mod server_config;
mod server_settings;
pub mod streams;

pub use account::{FleetAccount, Revocations, system_account};
pub use credential_name::{CredentialName, CredentialNameError};
pub use credentials::{Credentials, CredentialsError};
pub use directory::{DirectoryError, Role, private_file, replace_private_file};
pub use init::{Bus, init};
pub use jwt::{JwtError, Token};
pub use key::{Key, KeyError, Kind, Secret, UserKey};
pub use label::{Label, LabelError};
pub use mint::{AggregatorKeys, Identity, Inbox, PeopleKeys, Permit};
pub use renew::{renew_aggregator, user_of};
pub use request::{CredentialRequest, CredentialRequestError, NotProven};
pub use routes::{Member, MemberError};
pub use server_settings::{ServerSettings, ServerSettingsError};
