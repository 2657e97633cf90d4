//! Operations that were refused because their intent was not acknowledged. The intent may still have been written, or be in transit: it
//! must not stay pending.

use parking_lot::Mutex;

use super::{Begun, Journal, Operation};
use audit::Outcome;

use super::reconcile::is_open;

/// Such operations of this process.
#[derive(Debug, Default)]
pub struct Unacknowledged(Mutex<Vec<Intent>>);

#[derive(Debug)]
struct Intent {
    operation: Operation,
    /// Whether its line has been looked up once without success.
    was_absent: bool,
}

/// The maximum number remembered: with more, the audit log has been unavailable for long, which is reported.
const REMEMBERED: usize = 10_000;

impl Unacknowledged {
    pub fn push(&self, operation: Operation) {
        self.push_intent(Intent {
            operation,
            was_absent: false,
        });
    }

    fn push_intent(&self, intent: Intent) {
        let mut intents = self.0.lock();
        if intents.len() < REMEMBERED {
            intents.push(intent);
        }
    }

    fn take(&self) -> Vec<Intent> {
        let mut intents = self.0.lock();
        std::mem::take(&mut intents)
    }
}

impl Journal {
    /// Writes a failed outcome for those whose intent is in the audit log.
    pub(super) async fn fail_unacknowledged(&self) {
        for intent in self.0.unacknowledged.take() {
            let Intent {
                operation,
                was_absent,
            } = intent;
            let look_again = |operation, was_absent| {
                self.0.unacknowledged.push_intent(Intent {
                    operation,
                    was_absent,
                });
            };
            match self.0.audit.newest(&operation.id).await {
                Ok(Some((last, entry))) if is_open(entry.as_ref()) => {
                    let why = "the intent was not acknowledged in time, so nothing was done";
                    let begun = Begun { operation, last };
                    self.append(&begun, Outcome::Failed, Some(why.to_owned()))
                        .await;
                    // Checked once more: this line may not have been acknowledged either.
                    look_again(begun.operation, false);
                }
                Ok(Some(_)) => self.close(&operation.id).await,
                // Messages queued here were sent before the lookup, but a second lookup costs little.
                Ok(None) if was_absent => self.close(&operation.id).await,
                Ok(None) => look_again(operation, true),
                Err(_) => look_again(operation, was_absent),
            }
        }
    }
}
