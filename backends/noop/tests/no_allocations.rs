//! The noop backend allocates nothing: not for a scope, not for what is set on it, not for passing a context on.

use std::hint::black_box;
use std::sync::Arc;

use allocation_counter::measure;
use tracer_factory_core::config::TracerConfig;
use tracer_factory_core::context::Context;
use tracer_factory_core::span::StatusCode;
use tracer_factory_core::tracer::{BaseTracer, SpanOptions};
use tracer_factory_core::value::AttrValue;
use tracer_factory_noop::NoOpTracer;

fn tracer() -> Arc<dyn BaseTracer> {
    Arc::new(NoOpTracer::passing_on(&TracerConfig::default().propagators))
}

fn record(tracer: &dyn BaseTracer, options: &SpanOptions<'_>) {
    let scope = tracer.start_scope(options);
    scope.set_attribute("model", black_box("small")).set_attribute("tokens", 200).set_attribute("cost", 0.5);
    scope.set_attribute_with("prompt", || "x".repeat(1000));
    scope.add_event_with("first_token", &[("index", AttrValue::Int(0))]);
    scope.record_error(&std::fmt::Error);
    scope.set_status(StatusCode::Error, black_box("it failed"));
    tracer.add_span_attribute("user", AttrValue::from("someone"));
    tracer.add_span_event("seen", &[]);
    drop(tracer.trace_context("inner"));
    black_box((scope.trace_id(), scope.span_id(), scope.span_context(), scope.is_recording()));
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(black_box(Box::new(1)))).count_total, 1);
}

#[test]
fn scopes_allocate_nothing() {
    let tracer = tracer();
    let allocated = measure(|| {
        for _ in 0..100 {
            record(&*tracer, &SpanOptions::new("generate"));
            record(&*tracer, &SpanOptions::new("generate").new_trace());
        }
    });
    assert_eq!(allocated.count_total, 0);
}

#[test]
fn passing_a_context_on_allocates_nothing_once_it_has_room() {
    let tracer = tracer();
    let context = Context::generate();
    let options = SpanOptions::new("generate").parent_context(&context);
    record(&*tracer, &options);
    let allocated = measure(|| (0..100).for_each(|_| record(&*tracer, &options)));
    assert_eq!(allocated.count_total, 0);
}

#[test]
fn manual_spans_allocate_nothing() {
    let tracer = tracer();
    let context = Context::generate();
    let allocated = measure(|| {
        for _ in 0..100 {
            let mut span = tracer.start_span(&SpanOptions::new("generate").parent_context(&context));
            span.set_attribute("model", black_box("small")).add_event("first_token");
            span.finish();
            drop(tracer.start_span(&SpanOptions::new("generate")));
        }
    });
    assert_eq!(allocated.count_total, 0);
}
