//! One environment variable decides where a worker's traces go.
//!
//! ```
//! use tracer_factory::{BaseTracer, TracerConfig, TracerType, create_tracer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // In a worker: `let tracer = tracer_factory::get_tracer_from_env()?;`
//! let tracer = create_tracer(TracerConfig::new(TracerType::NoOp))?;
//! tracer.init_worker(0)?;
//! {
//!     let scope = tracer.trace_context("my_operation");
//!     scope.set_attribute("user_id", 12345);
//!     tracer.add_span_event("half_way", &[("items", 100.into())]);
//! }
//! let trace = tracer.get_last_trace();
//! # assert!(trace.is_empty(), "noop records nothing");
//! tracer.teardown_worker(0);
//! # Ok(())
//! # }
//! ```
//!
//! `TRACER_TYPE` is one of `agent-session` (the default), `otlp`, `jaeger`, `zipkin`, `console`, `noop`, `otlp-sdk`
//! and `zipkin-sdk`, or several by comma. The README lists every variable.

mod factory;
mod global;
pub mod registry;

// Making tracers.
pub use factory::{TracerFactory, create_tracer};
pub use global::{
    DefaultTracer, current_tracer, get_tracer_from_env, scope, set_global_tracer, span, use_tracer,
};
pub use tracer_factory_core::config::{self, TracerConfig, TracerConfigBuilder, TracerType};
pub use tracer_factory_core::env;
pub use tracer_factory_core::error::{ConfigError, TracerError};
pub use tracer_factory_core::recording::RecordingTracer;
pub use tracer_factory_core::tracer::{BaseTracer, Parent, SpanOptions, TracerExt};
pub use tracer_factory_noop::NoOpTracer;

// Recording.
pub use tracer_factory_core::context::{
    Context, ContextGuard, correlation_id, current_span, current_span_id, current_trace_id, detach,
    set_current_span,
};
pub use tracer_factory_core::future::{InSpan, TraceFuture};
pub use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};
pub use tracer_factory_core::manual::Span;
pub use tracer_factory_core::scope::Scope;
pub use tracer_factory_core::value::{AttrValue, Value};
#[cfg(feature = "macros")]
pub use tracer_factory_macros::traced;

// Reading what was recorded.
pub use tracer_factory_core::callback::{CallbackHandler, RunKind};
pub use tracer_factory_core::capture::{self, Capture};
pub use tracer_factory_core::report::{
    DestinationHealth, DestinationReport, Health, RecoveredReport, Report,
};
pub use tracer_factory_core::span::{
    Event, InstrumentationScope, Link, Resource, SpanData, SpanKind, Status, StatusCode, Trace,
};
pub use tracer_factory_core::{delivery, json, otlp};

// Training from what was recorded.
#[cfg(feature = "triplets")]
pub use tracer_factory_triplets::{self as triplets, TraceTriplets};

// Crossing process boundaries.
pub use tracer_factory_core::propagation::{self, Baggage, Extractor, Injector, Propagator, TraceState};

// What agents do.
#[cfg(feature = "agents")]
pub use tracer_factory_agents as agents;
#[cfg(feature = "agents")]
pub use tracer_factory_agents::{
    AgentTracer, Annotation, EndState, EventType, Message, ModelCall, ModelRequest, ModelResponse, Session,
    SessionOptions, Usage,
};

// OpenTelemetry, with the very version that fits.
#[cfg(feature = "opentelemetry")]
pub use opentelemetry;
#[cfg(feature = "opentelemetry")]
pub use tracer_factory_core::guest::{GuestSpan, GuestTracer, GuestTracerProvider};

// One tracer type a backend.
#[cfg(feature = "agent-session")]
pub use tracer_factory_agent_session as agent_session;
#[cfg(feature = "console")]
pub use tracer_factory_console as console;
#[cfg(feature = "jaeger")]
pub use tracer_factory_jaeger as jaeger;
#[cfg(feature = "otlp")]
pub use tracer_factory_otlp as otlp_backend;
#[cfg(feature = "sdk")]
pub use tracer_factory_sdk as sdk;
#[cfg(feature = "zipkin")]
pub use tracer_factory_zipkin as zipkin;

#[cfg(any(
    feature = "agent-session",
    feature = "console",
    feature = "jaeger",
    feature = "otlp",
    feature = "zipkin"
))]
pub use registry::types::*;

/// What the code that `#[traced]` writes refers to.
#[cfg(feature = "macros")]
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
