//! What each bucket holds. The readers of a bucket parse by the same functions.

use super::{RecordError, parse_value};
use crate::audit;
use crate::enrolment;
use crate::fleet::Clusters;
use crate::inventory::Inventory;
use crate::labels::LabelStore;
use crate::operations::Operations;
use crate::sessions::Sessions;

/// Whether the readers of the bucket can use the record.
pub(super) fn check(bucket: &str, key: &str, value: &[u8]) -> Result<(), RecordError> {
    match bucket {
        "audit" | "audit-refused" => parse_value::<audit::Entry>(value).map(drop),
        "clusters" => Clusters::parse(key, value).map(drop),
        "credentials" => enrolment::check_credentials(key, value),
        "inventory" => Inventory::parse(key, value).map(drop),
        "invitations" => enrolment::Invitations::parse(key, value).map(drop),
        "labels" => LabelStore::parse(key, value).map(drop),
        "operations" => Operations::parse(key, value).map(drop),
        "sessions" => Sessions::parse(key, value).map(drop),
        _ => Ok(()),
    }
}
