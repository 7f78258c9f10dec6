//! Faults between a client and a receiver, and a receiver that counts: what reliability is tested with.
//!
//! [`FaultProxy`] stands in front of any TCP server and does what it is told to, also to connections that are open.
//! [`CountingSink`] takes OTLP and knows how often each span arrived, so that what was lost or sent twice is exact.

mod answer;
mod fault;
mod listener;
mod proxy;
mod relay;
mod scan;
mod sink;
mod thread;

pub use answer::Answer;
pub use fault::{Direction, Fault};
pub use proxy::FaultProxy;
pub use sink::{CountingSink, Tally};
