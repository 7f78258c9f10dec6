//! One rich trace through each backend to each real server, and back by that server's own API: what it shows is
//! `get_last_trace` after the server's projection.
//!
//! All in one program, because the servers take longer to start than anything here takes to run.
#![allow(clippy::unwrap_used, reason = "tests")]

mod collector;
mod comparison;
mod console;
mod jaeger;
mod phoenix;
mod quickstart;
mod sdk;
mod servers_start;
mod session;
mod several;
mod zipkin;
mod zipkin_wire;

use std::time::Duration;

use serde_json::Value;
use tracer_factory_real_tests::differences;
use tracer_factory_real_tests::rich::{Recorded, SPANS, record};

const SHOWN_WITHIN: Duration = Duration::from_secs(30);

/// Every way to speak OTLP: a protocol and a compression.
const OTLP: [(&str, &str); 6] = [
    ("grpc", "none"),
    ("grpc", "gzip"),
    ("http/protobuf", "none"),
    ("http/protobuf", "gzip"),
    ("http/json", "none"),
    ("http/json", "gzip"),
];

/// Records the trace and checks that all of it was kept here and confirmed by every destination.
fn send(env: &[(&str, &str)], test: &str, without: &[&str]) -> Recorded {
    let recorded = record(env, test, without).unwrap();
    assert_delivered(&recorded);
    recorded
}

fn assert_delivered(recorded: &Recorded) {
    assert_eq!(recorded.spans().len(), SPANS);
    for (trace, report) in recorded.traces.iter().zip(&recorded.reports) {
        assert_eq!((trace.trace_id().to_string(), trace.omitted_spans), (recorded.trace_id(), 0));
        assert_eq!(report.accepted, trace.len() as u64, "{report}");
        assert!(report.adds_up() && report.is_complete(), "{report}");
        assert!(report.destinations.iter().all(|destination| destination.last_error.is_none()), "{report}");
    }
}

#[track_caller]
fn assert_shown(expected: &Value, shown: &Value, what: &str) {
    let differences = differences(expected, shown);
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
}
