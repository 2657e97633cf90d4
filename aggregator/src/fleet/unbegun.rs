//! Writes that were refused because their intent was not acknowledged. It may have been written all the same, or be on its way: then
//! it must not stand there as pending for ever.

use std::sync::{Arc, Mutex, PoisonError};

use super::Fleet;
use super::settle::is_open;
use crate::audit::Outcome;
use crate::operations::Operation;

/// Such writes of this process, and whether their intent was looked for once in vain.
#[derive(Debug, Default)]
pub(super) struct Unbegun {
    operations: Mutex<Vec<(Operation, bool)>>,
}

/// More than this are not remembered: the audit has been away for long, and says so.
const REMEMBERED: usize = 10_000;

impl Unbegun {
    pub(super) fn remember(&self, operation: Operation) {
        let mut operations = self
            .operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if operations.len() < REMEMBERED {
            operations.push((operation, false));
        }
    }

    fn take(&self) -> Vec<(Operation, bool)> {
        let mut operations = self
            .operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut operations)
    }

    fn put_back(&self, operation: Operation, looked: bool) {
        let mut operations = self
            .operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        operations.push((operation, looked));
    }
}

impl Fleet {
    /// Writes down that they failed, for those whose intent stands in the audit.
    pub(super) async fn settle_unbegun(self: &Arc<Self>) {
        for (operation, looked) in self.unbegun.take() {
            match self.audit.newest(&operation.id).await {
                Ok(Some((last, entry))) if is_open(entry.as_ref()) => {
                    let why = "the intent was not acknowledged in time, so nothing was sent";
                    self.conclude(operation.clone(), last, Outcome::Failed, why.to_owned())
                        .await;
                    // Looked at once more: this line may not have been acknowledged either.
                    self.unbegun.put_back(operation, false);
                }
                Ok(Some(_)) => self.close(&operation).await,
                // What was queued here goes out before the question did, but two looks cost little.
                Ok(None) if looked => self.close(&operation).await,
                Ok(None) => self.unbegun.put_back(operation, true),
                Err(_) => self.unbegun.put_back(operation, looked),
            }
        }
    }
}
