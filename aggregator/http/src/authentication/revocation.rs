//! When what a caller was allowed at the time of the call is no longer so.

use std::sync::Arc;

use tokio::sync::watch;

use identity::CredentialLifetime;
use identity::Grants;
use identity::users::{Directory, User};
use labels::FleetLabels;

/// What ends an answer that goes on: the end of the credential, or that the user, the password, any of the grants or what they come to are others than at the
/// time of the call.
#[derive(Debug, Clone)]
pub struct Revocation {
    user: Arc<User>,
    grants: Arc<Grants>,
    lifetime: CredentialLifetime,
    users: watch::Receiver<Arc<Directory>>,
    labels: watch::Receiver<Arc<FleetLabels>>,
}

impl Revocation {
    pub(crate) fn new(
        user: Arc<User>,
        grants: Arc<Grants>,
        lifetime: CredentialLifetime,
        users: watch::Receiver<Arc<Directory>>,
        labels: watch::Receiver<Arc<FleetLabels>>,
    ) -> Self {
        Self {
            user,
            grants,
            lifetime,
            users,
            labels,
        }
    }

    /// Resolves once it has come.
    pub async fn revoked(&self) {
        let (mut users, mut labels) = (self.users.clone(), self.labels.clone());
        // An error is that nobody reads the users or labels any more; then nobody could be revoked either, and so that counts as one.
        let changed = async {
            let _ = users
                .wait_for(|directory| !self.is_unchanged_in(directory))
                .await;
        };
        let labelled = async {
            let _ = labels
                .wait_for(|labels| !self.grants.holds_with(labels))
                .await;
        };
        tokio::select! {
            () = self.lifetime.ended() => {}
            () = changed => {}
            () = labelled => {}
        }
    }

    fn is_unchanged_in(&self, directory: &Directory) -> bool {
        directory.find(&self.user.name).is_some_and(|user| {
            user.grants == self.user.grants && user.password_hash == self.user.password_hash
        })
    }
}
