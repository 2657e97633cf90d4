//! The audit: who did what, where, with what outcome, in the JetStream stream `AUDIT`, and `AUDIT_REFUSED` for refused sign-ins. The intent
//! of an operation is acknowledged by the stream before the operation starts.

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
