//! Who did what, where, with what outcome: the JetStream stream `AUDIT`, and `AUDIT_REFUSED` for refused sign-ins. An intent is
//! acknowledged before anything is done.

mod audit;
mod backward;
mod entry;
mod error;
mod read;
mod refused;
mod refused_sign_in;
mod request_source;
mod sums;

pub use audit::{Audit, Sequence, SignIn};
pub use entry::{Entry, Outcome, SIGN_IN, SIGN_OUT, Target};
pub use error::AuditError;
pub use read::{AuditFilter, AuditPage, Cursor};
pub use refused::{Refusal, RefusedSignIns};
pub use request_source::RequestSource;
