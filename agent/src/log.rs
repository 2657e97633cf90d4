//! Logs of a deployment: which containers write them, how they are read, cut, merged and followed. Knows nothing of the
//! bus but where a followed log goes.

mod lines;
mod merge;
mod source;
mod tail;

pub use merge::Newest;
pub use source::sources;
pub use tail::{Tail, params, tail};

/// Until followed logs are here.
#[derive(Default)]
pub struct Streams;

impl Streams {
    pub async fn open(
        &self,
        _: &crate::agent::Cx,
        _: bus_schema::verb::ReadLog,
        _: crate::kubernetes::Workload,
        _: Vec<bus_schema::verb::LogSource>,
    ) -> Result<bus_schema::verb::LogReply, bus_schema::Fault> {
        Err(bus_schema::Fault::new(
            bus_schema::FaultCode::InvalidRequest,
            "follow: not yet",
        ))
    }
}
