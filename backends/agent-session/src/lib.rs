//! The agent-session backend: spans go to a trace server that comes with the worker.
//!
//! [`BACKEND`] is the client's side: it starts a [`Server`] in this process, or a separate one, or joins one
//! that runs already, and sends OTLP over HTTP. [`Server`] is the other side and works without the client.

mod api;
mod config;
mod destination;
mod error;
mod http_get;
mod managed;
mod query;
mod server;
mod store;

use tracer_factory_core::config::Limits;
use tracer_factory_core::delivery::Backend;

pub use api::{
    Facets, Health, ServiceEdge, ServiceMap, ServiceNode, SessionList, SessionQuery, SessionSummary,
    SessionTraces, TraceList, TraceQuery, TraceSummary,
};
pub use config::ServerConfig;
pub use error::{QueryError, ServerError};
pub use managed::{Attached, Ready, announce, serve_blocking, start_or_join};
pub use query::QueryClient;
pub use server::{Server, ServerHandle};

/// What the facade's registry collects.
pub const BACKEND: Backend = Backend { name: config::NAME, plan: destination::plan, limits };

/// Prompts and responses are what agents' traces are for: only the bytes of a span bound them.
fn limits(limits: &mut Limits) {
    limits.attributes = u32::MAX;
    limits.events = u32::MAX;
    limits.links = u32::MAX;
    limits.event_attributes = u32::MAX;
    limits.link_attributes = u32::MAX;
}
