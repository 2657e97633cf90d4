//! Failures and measurements: `Problem` for callers, `Conditions` and `Metrics` for the operators of the aggregator. Knows nothing of where
//! failures come from, of NATS or of HTTP.

mod conditions;
mod metrics;
mod problem;

pub use conditions::{AggregatorCondition, AggregatorConditionType, Conditions};
pub use metrics::{Metrics, Reader};
pub use problem::{Hop, Problem, ProblemCode};
