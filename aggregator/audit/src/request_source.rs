//! Where a request came from, for the audit.

use std::net::IpAddr;

/// Where a request came from. Both fields are absent for actions of the aggregator itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestSource {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The id of the REST call.
    pub request_id: Option<String>,
}
