//! `GET /metrics`: what the server holds and what became of spans, as Prometheus reads it.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::server::shared::Shared;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) async fn metrics(State(state): State<Shared>) -> Response {
    let totals = state.store().totals();
    let counts = state.store().counts();
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
        // Writing to a string succeeds.
        let _ = writeln!(
            text,
            "# HELP tracer_server_{name} {help}\n# TYPE tracer_server_{name} {kind}\ntracer_server_{name} {value}"
        );
    };
    metric("traces", "gauge", "Traces that are stored.", totals.traces as u64);
    metric("spans", "gauge", "Spans that are stored.", totals.spans);
    metric("bytes", "gauge", "Bytes they take.", totals.bytes as u64);
    metric("max_bytes", "gauge", "Bytes they may take.", state.max_bytes() as u64);
    metric("accepted_spans_total", "counter", "Spans that were stored.", counts.accepted);
    metric("rejected_spans_total", "counter", "Spans without valid identifiers.", counts.rejected);
    metric("duplicate_spans_total", "counter", "Spans that were stored before.", counts.duplicates);
    metric("refused_requests_total", "counter", "Requests that could not be stored.", counts.refused);
    metric(
        "evicted_traces_total",
        "counter",
        "Traces that were let go to make room or for their age.",
        totals.evicted_traces,
    );
    metric(
        "evicted_spans_total",
        "counter",
        "Spans that were let go to make room or for their age.",
        totals.evicted_spans,
    );
    ([(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))], text).into_response()
}
