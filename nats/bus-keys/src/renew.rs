//! New credentials for the aggregator in the place of its old ones, when those are old or may have been seen.

use std::path::Path;

use jiff::Timestamp;

use crate::credentials::Credentials;
use crate::directory::{
    AGGREGATOR, DirectoryError, SYSTEM, read, read_identity, replace_private_file, scope_key,
};
use crate::key::{Key, Kind, UserKey};
use crate::mint::{Identity, aggregator_credentials};

/// Makes both credentials of the aggregator anew, with the keys in the operator's directory, and puts them into the aggregator's.
/// The old ones are good until they are revoked: their public keys are the answer.
///
/// # Errors
/// When a directory lacks a file, the two are not of one bus, or a file cannot be written.
pub fn renew_aggregator(
    operator: &Path,
    aggregator: &Path,
    now: Timestamp,
) -> Result<[UserKey; 2], DirectoryError> {
    let identity = of_one_bus(operator, aggregator)?;
    let Identity { fleet, system, .. } = &identity;
    let mint = |account: &str, scope: &str, public: &str| {
        let scope = scope_key(operator, scope, public)?;
        let key = Key::generate(Kind::User);
        let credentials = aggregator_credentials(account, &scope, &key, now);
        Ok::<_, DirectoryError>(credentials)
    };
    let new = [
        mint(fleet, "aggregator-scope.nk", &identity.aggregator_scope)?,
        mint(system, "system-scope.nk", &identity.system_scope)?,
    ];
    let old = [
        user_of(&aggregator.join(AGGREGATOR))?,
        user_of(&aggregator.join(SYSTEM))?,
    ];
    for (file, credentials) in [AGGREGATOR, SYSTEM].iter().zip(&new) {
        replace_private_file(&aggregator.join(file), credentials.expose())?;
    }
    Ok(old)
}

fn of_one_bus(operator: &Path, aggregator: &Path) -> Result<Identity, DirectoryError> {
    let identity = read_identity(operator)?;
    if read_identity(aggregator)? == identity {
        return Ok(identity);
    }
    Err(DirectoryError::OfTwoBuses {
        one: operator.to_owned(),
        other: aggregator.to_owned(),
    })
}

/// The public key of the credentials in a file.
///
/// # Errors
/// When the file cannot be read or has none.
pub fn user_of(path: &Path) -> Result<UserKey, DirectoryError> {
    let credentials = Credentials::parse(&read(path)?, None);
    let credentials = credentials.map_err(|error| DirectoryError::NotUsable {
        path: path.to_owned(),
        source: error.into(),
    })?;
    Ok(credentials.user())
}
