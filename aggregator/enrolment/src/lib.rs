//! Who is let onto the bus: a credential for each cluster's agents, and locking one out. Which credentials there are stands in the
//! bucket `credentials`; what the nats-server enforces stands in the token of the fleet's account. The bucket is written first, so
//! that the next replica carries out what another one began.

use std::time::Duration;

mod credential_issuer;
mod enroll;
mod enrolment;
mod error;
mod gate;
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

pub use credential_issuer::{CredentialIssuer, Enrolled, Given, LetIn};
pub use enrolment::Enrolment;
pub use error::EnrolmentError;
pub use gate::{AccountUsage, Gate};
pub use invitation::{Found, INVITATION_LASTS, Invitation, Invitations};
pub use issued::{check as check_credentials, emptied as emptied_credentials};
pub use manifest::{Agent, ImageName, ImageNameError, agent_ca, check_addresses};
pub use presence::watch_presence;
pub use reconcile::reconcile_account;
pub use renew::renew_credentials;
pub use system::{System, read_connection_event};

use enrolment::Issuing;

/// Two, so that a new credential can be put in place before the old one is revoked.
pub const CREDENTIALS_PER_CLUSTER: usize = 2;

/// How long a bucket or the system account may take to answer. Each writes to the disk before it does, which takes seconds where
/// others write as well, and nobody is let in or revoked so often that more would wait meanwhile.
const WITHIN: Duration = Duration::from_secs(10);

/// How long an agent's credential is good for, unless it is renewed.
pub const AGENT_CREDENTIAL_LIFETIME: Duration = Duration::from_hours(24 * 90);

/// The longest that can be set.
pub const AGENT_CREDENTIAL_LIFETIME_MAX: Duration = Duration::from_hours(24 * 400);
