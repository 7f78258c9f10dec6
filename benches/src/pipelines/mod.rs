//! Whole pipelines: from a closing span to a receiver.

mod ours;
mod peers;

use tracer_factory_hot_path::{Failure, Record};

/// A pipeline by its name. Making it connects to the receiver at this base URL.
#[derive(Clone, Copy, Debug)]
pub struct Pipeline {
    /// As tables and options spell it.
    pub name: &'static str,
    /// Makes it.
    pub make: fn(&str) -> Result<Box<dyn Record>, Failure>,
}

/// Every pipeline. Each needs a process of its own.
pub const PIPELINES: &[Pipeline] = &[
    Pipeline { name: "native_grpc", make: ours::grpc },
    Pipeline { name: "native_spool_off_grpc", make: ours::grpc_without_spool },
    Pipeline { name: "guest_grpc", make: ours::guest_grpc },
    Pipeline { name: "otel_grpc", make: peers::otel_grpc },
    Pipeline { name: "fastrace_grpc", make: peers::fastrace_grpc },
    Pipeline { name: "native_http", make: ours::http },
    Pipeline { name: "otel_http", make: peers::otel_http },
    Pipeline { name: "native_zipkin", make: ours::zipkin },
    Pipeline { name: "otel_zipkin", make: peers::zipkin },
    Pipeline { name: "native_jaeger", make: ours::jaeger },
];
