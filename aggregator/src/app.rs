//! What all calls share.

use std::sync::Arc;

/// The state of every handler.
pub type App = Arc<Parts>;

/// The parts of the aggregator, made once by `run`.
#[derive(Debug)]
pub struct Parts {}
