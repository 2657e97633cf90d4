//! How it is said what is wrong and how much there is: `Problem` to a caller, `Conditions` and `Metrics` to the operator of the
//! aggregator. Knows nothing of where failures come from, of NATS or of HTTP.

mod conditions;
mod metrics;
mod problem;

pub use conditions::{AggregatorCondition, AggregatorConditionType, Conditions};
pub use metrics::{Metrics, Reader};
pub use problem::{Hop, Problem, ProblemCode};
