//! What all calls share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::audit::Audit;
use crate::conditions::Conditions;
use crate::enrolment::Agent;
use crate::fleet::Fleet;
use crate::metrics::Metrics;
use crate::public_url::Links;
use crate::sign_in::Identity;

/// The state of every handler.
pub type App = Arc<Parts>;

/// The parts of the aggregator, made once by `run`.
#[derive(Debug)]
pub struct Parts {
    /// The road to the clusters.
    pub fleet: Arc<Fleet>,
    /// Who did what.
    pub audit: Audit,
    /// How the agents of new clusters are started.
    pub agents: Agent,
    /// Where what joins a cluster is fetched.
    pub links: Links,
    /// What is wrong with this process itself.
    pub conditions: Conditions,
    /// What is counted.
    pub metrics: Metrics,
    /// Who calls.
    pub identity: Identity,
    /// Cancelled when the program is to stop: event streams end then.
    pub stopping: CancellationToken,
}
