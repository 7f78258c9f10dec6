//! What the benchmarks compare: the same spans through this project and through its peers.

mod clock;
mod peers;
mod pipelines;
pub mod sink;
mod statistics;

pub use clock::{process_cpu_nanos, thread_cpu_nanos};
pub use pipelines::{PIPELINES, Pipeline};
pub use statistics::{median, minimum, paired};
use tracer_factory_hot_path::{CASES, Entry};

/// Name of opentelemetry_sdk, which the others are compared with.
pub const OTEL: &str = "otel";
/// Name of fastrace with a root for each trace.
pub const FASTRACE_ROOT: &str = "fastrace_root";
/// Name of fastrace's cheapest case: local spans whose root is shared by many.
pub const FASTRACE_LOCAL: &str = "fastrace_local";
/// Name of `tracing` over opentelemetry_sdk.
pub const TRACING_OTEL: &str = "tracing_otel";

/// The peers' cases.
const PEERS: &[Entry] = &[
    Entry { name: OTEL, make: peers::sdk::recording },
    Entry { name: "otel_off", make: peers::sdk::always_off },
    Entry { name: FASTRACE_ROOT, make: peers::fastrace::root_and_locals },
    Entry { name: FASTRACE_LOCAL, make: peers::fastrace::locals },
    Entry { name: TRACING_OTEL, make: peers::tracing::bridged },
];

/// Every case that discards its spans, ours and the peers'.
pub fn cases() -> Vec<Entry> {
    [CASES, PEERS].concat()
}
