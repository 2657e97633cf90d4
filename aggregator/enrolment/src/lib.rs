//! Who may connect to the bus: issuing and revoking the credentials of clusters' agents. The bucket `credentials` records them; the
//! nats-server enforces the token of the fleet's account. The bucket is written first, so that another replica can complete what
//! one has begun.

mod account_usage;
mod bus_account;
mod credential;
mod credential_issuer;
mod enroll;
mod enrolment;
mod error;
mod invitation;
mod invite;
mod issued;
mod manifest;
mod presence;
mod reconcile;
mod renew;
mod renewal;
mod revocation;
pub mod signer;
mod system;

pub use account_usage::AccountUsage;
pub use bus_account::BusAccount;
pub use credential::{
    AGENT_CREDENTIAL_LIFETIME, AGENT_CREDENTIAL_LIFETIME_MAX, CREDENTIALS_PER_CLUSTER,
    ClusterCredentials, Enrolled, IssuedCredential,
};
pub use credential_issuer::CredentialIssuer;
pub use enrolment::Enrolment;
pub use error::EnrolmentError;
pub use invitation::{INVITATION_LASTS, Invitation, Invitations, StoredInvitation};
pub use issued::{check as check_credentials, emptied as emptied_credentials};
pub use manifest::{Agent, ImageName, ImageNameError, agent_ca, check_addresses};
pub use presence::watch_presence;
pub use reconcile::reconcile_account;
pub use renew::renew_credentials;
pub use system::{System, read_connection_event};

use enrolment::Issuing;
