//! Logs of a deployment: their containers, and how they are read, cut, merged and followed.

mod buffer;
mod containers;
mod follow;
mod lines;
mod merge;
mod position;
mod reader;
mod readers;
mod sender;
mod source;
mod streams;
mod tail;

pub use merge::Newest;
pub use readers::Readers;
pub use source::{LogSource, shortened, sources};
pub use streams::Streams;
pub use tail::{Tail, tail};
