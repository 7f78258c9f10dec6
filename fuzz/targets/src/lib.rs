//! Everything of tracer-factory that reads foreign bytes, or writes for foreign readers, as functions of any bytes.
//!
//! A target panics when what it looks at is wrong. libFuzzer calls one target a program (`cargo xtask fuzz`); an ordinary
//! test calls all of them with the corpus.
#![allow(clippy::unwrap_used, reason = "a target fails by panicking")]

mod environment;
mod json;
mod otlp;
mod otlp_json;
mod propagation;
mod redaction;
mod ring_file;
mod spans;
mod spool_segment;
mod thrift;
mod zipkin;

pub use environment::{dictionary, environment};
pub use otlp::{otlp_request, otlp_span};
pub use otlp_json::otlp_json;
pub use propagation::{b3, baggage, tracecontext, uber};
pub use redaction::redaction;
pub use ring_file::{pack, ring_file};
pub use spool_segment::spool_segment;
pub use thrift::thrift;
pub use zipkin::zipkin;

/// A target's name, which is also its program's and its corpus', and the target.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("b3", b3),
    ("baggage", baggage),
    ("environment", environment),
    ("otlp_json", otlp_json),
    ("otlp_request", otlp_request),
    ("otlp_span", otlp_span),
    ("redaction", redaction),
    ("ring_file", ring_file),
    ("spool_segment", spool_segment),
    ("thrift", thrift),
    ("tracecontext", tracecontext),
    ("uber", uber),
    ("zipkin", zipkin),
];

/// Names with values out of bytes: entries end with NUL, as in `/proc/self/environ`, and a name ends with `separator`.
fn entries(input: &[u8], separator: u8) -> impl Iterator<Item = (&[u8], &[u8])> {
    input.split(|byte| *byte == 0).filter_map(move |entry| {
        let at = entry.iter().position(|byte| *byte == separator)?;
        Some((&entry[..at], &entry[at + 1..]))
    })
}
