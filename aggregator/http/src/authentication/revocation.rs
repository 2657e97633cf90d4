//! Detects that the rights a caller had at the time of the call have changed.

use std::sync::Arc;

use tokio::sync::watch;

use identity::CredentialLifetime;
use identity::Grants;
use identity::users::{Directory, User};
use labels::FleetLabels;

/// Ends a long-lived response: when the credential ends, or when the user, the password, the grants, or the effect of the grants with the current
/// labels differ from those at the time of the call.
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

    /// Resolves when one of these has happened.
    pub async fn revoked(&self) {
        let (mut users, mut labels) = (self.users.clone(), self.labels.clone());
        // An error means that users or labels are no longer updated. Then a revocation could not be detected, so the error counts as one.
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
