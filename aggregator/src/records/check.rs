//! What each bucket holds. The readers of a bucket parse by the same functions.

use enrolment::{self, Invitation};
use fleet::inventory::Manifest;
use fleet::journal::{IdempotentRequest, Operation};
use identity::sessions::Session;
use labels::Labels;
use storage::{Record, RecordError, parse_value};

/// Whether the readers of the bucket can use the record.
pub(super) fn check(bucket: &str, key: &str, value: &[u8]) -> Result<(), RecordError> {
    match bucket {
        "audit" | "audit-refused" => parse_value::<audit::Entry>(value).map(drop),
        "clusters" => registry::Record::parse(key, value).map(drop),
        "credentials" => enrolment::check_credentials(key, value),
        "idempotency" => IdempotentRequest::parse(key, value).map(drop),
        "inventory" => Manifest::parse(key, value).map(drop),
        "invitations" => Invitation::parse(key, value).map(drop),
        "labels" => Labels::parse(key, value).map(drop),
        "operations" => Operation::parse(key, value).map(drop),
        "runs" => notifications::check(key, value).unwrap_or_else(|| runs::check(key, value)),
        "sessions" => Session::parse(key, value).map(drop),
        _ => Ok(()),
    }
}
