//! What the benchmarks compare: the same spans through this project and through its peers.

mod case;
mod clock;
mod fastrace;
mod opentelemetry;
mod ours;
mod statistics;

pub use case::{Case, Shape, Values, produce};
pub use clock::thread_cpu_nanos;
pub use statistics::{median, minimum};

/// Name of the case that the others are compared with.
pub const OTEL: &str = "otel";
/// Name of fastrace's cheapest case: local spans whose root is shared by many.
pub const FASTRACE_LOCAL: &str = "fastrace_local";
/// Name of our recording case.
pub const NATIVE: &str = "native";
/// Name of our case where head sampling leaves every trace out.
pub const SAMPLED_OUT: &str = "sampled_out";
/// Name of our case without a backend.
pub const NOOP: &str = "noop";

/// Every case, ready to record. Building them starts their background threads, so it is done once a process.
pub fn cases() -> Vec<Box<dyn Case>> {
    let (root, local) = fastrace::cases();
    vec![
        Box::new(ours::Recording::new(NATIVE, 1.0)),
        Box::new(opentelemetry::Sdk::recording(OTEL)),
        Box::new(opentelemetry::Sdk::always_off("otel_off")),
        Box::new(root),
        Box::new(local),
        Box::new(ours::Recording::new(SAMPLED_OUT, 0.0)),
        Box::new(ours::NoOp::new(NOOP)),
    ]
}
