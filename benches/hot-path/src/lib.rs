//! Our ways of recording a span: what the benchmarks compare with the peers, and whose instructions are counted.

mod alone;
mod case;
mod discard;
mod guest;
mod native;
pub mod otel_api;

pub use alone::{Alone, BURST, number};
pub use case::{
    AGENT, Case, EVENT, Entry, Failure, Load, NAME, PROVIDER, Record, Shape, TOKENS, Values, produce, warm_up,
};
pub use guest::Guest;
pub use native::Native;

/// Name of the case that most is compared with: native scopes with the product's defaults.
pub const NATIVE: &str = "native";
/// Name of native scopes without what can be switched off.
pub const RECORDER: &str = "recorder";
/// Name of native scopes whose spans go to disk as well.
pub const NATIVE_SPOOL: &str = "native_spool";
/// Name of native scopes in a process that has taken an OpenTelemetry provider.
pub const NATIVE_GUEST_INSTALLED: &str = "native_guest_installed";
/// Name of spans through the OpenTelemetry API.
pub const GUEST: &str = "guest";
/// Name of native scopes that head sampling leaves out.
pub const SAMPLED_OUT: &str = "sampled_out";
/// Name of native scopes without a backend.
pub const NOOP: &str = "noop";

/// The function within which a recording thread's instructions count.
pub const COUNTED: &str = "tracer_factory_hot_path::case::produce*";

/// Every case of ours. The two with a guest change the whole process, so others can't be measured beside them.
pub const CASES: &[Entry] = &[
    Entry { name: NATIVE, make: Native::with_defaults },
    Entry { name: RECORDER, make: Native::recorder_alone },
    Entry { name: NATIVE_SPOOL, make: Native::with_spool },
    Entry { name: SAMPLED_OUT, make: Native::sampled_out },
    Entry { name: NOOP, make: Native::noop },
    Entry { name: NATIVE_GUEST_INSTALLED, make: Native::with_guest_installed },
    Entry { name: GUEST, make: guest::discarding },
];
