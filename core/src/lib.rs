//! The core of tracer-factory: traits, recorder, delivery, propagation. It knows no backend.
//!
//! Data flows one way: scope → recorder → lane → delivery → destination.

mod base64;
pub mod callback;
pub mod capture;
pub mod config;
pub mod context;
pub mod delivery;
pub mod env;
pub mod error;
mod exception;
pub mod future;
pub mod guest;
#[cfg(feature = "http")]
pub mod http;
pub mod ids;
pub mod json;
mod life;
mod lock;
pub mod manual;
mod options;
pub mod otlp;
mod plain;
pub mod propagation;
mod recorder;
pub mod recording;
pub mod redact;
pub mod replay;
pub mod report;
mod resource;
pub mod sampling;
pub mod scope;
pub mod span;
mod span_methods;
mod spare;
mod spool;
mod text;
mod trace_state;
pub mod tracer;
pub mod value;
mod wire;

pub use tracer_factory_ring::fork::PerProcess;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use spool::{fuzz_segment, fuzzing};
