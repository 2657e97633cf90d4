//! Where a request came from, for the audit.

use std::net::IpAddr;

use bus_schema::OperationId;

/// Where a request came from. All fields are absent for actions of the aggregator itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestSource {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The id of the REST call.
    pub request_id: Option<String>,
    /// The id that its operation has to have, if it was sent with an idempotency key.
    pub operation_id: Option<OperationId>,
    /// The run that it is a part of.
    pub run_id: Option<OperationId>,
}
