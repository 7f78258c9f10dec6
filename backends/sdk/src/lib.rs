//! The `sdk` backends of tracer-factory: any `opentelemetry_sdk` span exporter as a destination.
//!
//! - `TRACER_TYPE=otlp-sdk` sends through the `opentelemetry-otlp` crate as it is, `zipkin-sdk` through
//!   `opentelemetry-zipkin`; both take the settings of the native backends.
//! - [`register_exporter`] gives an exporter of one's own a name, and `TRACER_TYPE` takes that name.
//!
//! The SDK's model is narrower than OTLP: bytes arrive as base64, maps and mixed arrays as JSON text,
//! and an attribute without a value as empty text.

mod adapter;
mod client;
mod convert;
mod otlp;
mod registry;
mod zipkin;

use tracer_factory_core::delivery::Backend;

pub use otlp::OTLP_SDK;
pub use registry::{BoxError, register_exporter, registered, registered_names};
pub use zipkin::ZIPKIN_SDK;

/// The ready-made backends.
pub const BACKENDS: &[Backend] = &[OTLP_SDK, ZIPKIN_SDK];
