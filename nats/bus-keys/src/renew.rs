//! New credentials for the aggregator that replace its old ones, when those are old or may have leaked.

use std::path::Path;

use jiff::Timestamp;

use crate::credentials::Credentials;
use crate::directory::{
    AGGREGATOR, DirectoryError, SYSTEM, read, read_identity, replace_private_file, scope_key,
};
use crate::key::{Key, Kind, UserKey};
use crate::mint::{Identity, aggregator_credentials};

/// Replaces both credentials of the aggregator, with the keys in the operator's directory, in the aggregator's directory. The old
/// ones are valid until they are revoked: returns their public keys.
///
/// # Errors
/// If a directory lacks a file, the two belong to different buses, or a file cannot be written.
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
/// If the file cannot be read or has no key.
pub fn user_of(path: &Path) -> Result<UserKey, DirectoryError> {
    let credentials = Credentials::parse(&read(path)?, None);
    let credentials = credentials.map_err(|error| DirectoryError::NotUsable {
        path: path.to_owned(),
        source: error.into(),
    })?;
    Ok(credentials.user())
}
