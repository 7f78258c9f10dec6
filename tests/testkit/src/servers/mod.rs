//! Real servers for tests: started from the cache on free loopback ports, with what they need to be
//! read back from, and ended with the value that stands for them.
//!
//! Starting takes seconds, so tests that can share a server take the process-wide one
//! (`Jaeger::shared()` and so on) and tell their traces apart by trace id. No server outlives the
//! test process, however that ends: each runs on a leash (see `process.rs`).
//!
//! Everything here blocks. In an asynchronous test, call it through `spawn_blocking`.

mod collector;
mod error;
pub mod http;
mod jaeger;
mod phoenix;
mod ports;
mod process;
mod sink;
mod wait;
mod zipkin;

pub use collector::Collector;
pub use error::{LogTail, ReadError, StartError};
pub use jaeger::Jaeger;
pub use phoenix::Phoenix;
pub use zipkin::Zipkin;
