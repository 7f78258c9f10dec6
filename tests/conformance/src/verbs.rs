//! The tracer's verbs: any number of times, from any thread, in any order, and after teardown.

use std::time::Duration;

use tracer_factory_core::context::Context;
use tracer_factory_core::span::StatusCode;
use tracer_factory_core::tracer::SpanOptions;
use tracer_factory_core::value::Value;

use crate::Subject;
use crate::subject::span;

/// Each verb may be called again, or without its counterpart.
pub fn verbs_can_be_repeated(subject: &Subject<'_>) {
    let tracer = subject.tracer;
    for _ in 0..3 {
        assert_eq!(tracer.init(), Ok(()), "init can be repeated");
        assert_eq!(tracer.init_worker(7), Ok(()), "init_worker can be repeated");
        assert_eq!(tracer.instrument(7), Ok(()), "instrument can be repeated");
    }
    let root = tracer.trace_context("work");
    if let Some(trace) = subject.finish(root) {
        assert_eq!(
            span(&trace, "work").attribute("worker.id"),
            Some(&Value::Int(7)),
            "spans name their worker"
        );
    }
    for _ in 0..3 {
        assert_eq!(tracer.uninstrument(7), Ok(()), "uninstrument can be repeated");
        assert!(tracer.teardown_worker(7).adds_up(), "teardown_worker can be repeated");
    }
    assert!(tracer.teardown_worker(8).adds_up(), "a worker that never began can be torn down");
    let root = tracer.trace_context("afterwards");
    if let Some(trace) = subject.finish(root) {
        assert_eq!(span(&trace, "afterwards").attribute("worker.id"), None, "the worker is gone");
    }
}

/// Workers come and go on many threads at once, each with its own identifier on its spans.
pub fn verbs_work_from_every_thread(subject: &Subject<'_>) {
    std::thread::scope(|threads| {
        for worker in 0..8 {
            threads.spawn(move || {
                for _ in 0..5 {
                    assert_eq!(subject.tracer.init(), Ok(()));
                    assert_eq!(subject.tracer.init_worker(worker), Ok(()));
                    let root = subject.tracer.trace_context("work");
                    if let Some(trace) = subject.finish(root) {
                        let id = span(&trace, "work").attribute("worker.id").and_then(Value::as_int);
                        assert_eq!(id, Some(worker), "a span has the worker of its thread");
                    }
                    assert!(subject.tracer.teardown_worker(worker).adds_up());
                }
            });
        }
    });
}

/// It has words for what it is, and is in good health.
pub fn it_says_what_it_is(subject: &Subject<'_>) {
    assert!(!subject.tracer.describe().is_empty(), "describe says something");
    drop(subject.tracer.trace_context("work"));
    let report = subject.tracer.flush(crate::PATIENCE);
    let health = subject.tracer.health();
    assert!(health.is_healthy(), "with a healthy receiver the tracer is healthy: {health:?}");
    assert_eq!(health.destinations.len(), report.destinations.len(), "health and report agree");
    assert!(report.destinations.iter().all(|one| !one.backend.is_empty() && !one.endpoint.is_empty()));
}

/// After teardown every verb still returns, and nothing is recorded.
pub fn use_after_teardown_is_harmless(subject: &Subject<'_>) {
    let tracer = subject.tracer;
    drop(tracer.trace_context("in time"));
    let before = tracer.teardown();

    let scope = tracer.trace_context("too late");
    scope.set_attribute("a", 1).add_event("e").set_status(StatusCode::Error, "no");
    assert!(!scope.is_recording(), "nothing is recorded after teardown");
    tracer.add_span_attribute("a", 1.into());
    tracer.add_span_event("e", &[]);
    tracer.set_span_status(StatusCode::Error, "no");
    let mut headers = Vec::new();
    tracer.inject_context(&Context::current(), &mut headers);
    let context = tracer.extract_context(&headers);
    assert_eq!(context.trace_id(), scope.trace_id(), "context is passed on after teardown");
    assert!(scope.finish().is_empty());
    drop(tracer.start_span(&SpanOptions::new("too late")));
    tracer.get_langchain_callback_handler(&["tag"]).on_end("unknown", "");

    if subject.capabilities.records {
        assert!(tracer.init().is_err(), "a tracer that was torn down says so");
        assert!(tracer.init_worker(1).is_err() && tracer.instrument(1).is_err());
    }
    assert!(tracer.uninstrument(1).is_ok());
    assert!(tracer.teardown_worker(1).adds_up());
    assert_eq!(tracer.flush(Duration::from_secs(1)).accepted, before.accepted, "nothing was accepted");
    let _ = (tracer.health(), tracer.get_last_trace());
    assert!(!tracer.describe().is_empty());
}

/// A scope that is open at teardown ends without harm and is counted.
pub fn scopes_that_outlive_teardown_are_counted(subject: &Subject<'_>) {
    let tracer = subject.tracer;
    let outer = tracer.trace_context("outer");
    let inner = tracer.trace_context("inner");
    let mut manual = tracer.start_span(&SpanOptions::new("manual"));
    let before = tracer.teardown();
    inner.set_attribute("late", true);
    manual.set_attribute("late", true);
    manual.finish();
    drop(inner);
    drop(outer);
    let after = tracer.report();
    assert!(after.adds_up(), "{after}");
    let expected = if subject.capabilities.records { 3 } else { 0 };
    assert_eq!(
        after.accepted - before.accepted,
        expected,
        "spans that end after teardown are counted: {after}"
    );
}
