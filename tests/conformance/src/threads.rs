//! Threads: contexts and manual spans cross them, what is current does not.

use tracer_factory_core::context::current_span;
use tracer_factory_core::tracer::SpanOptions;
use tracer_factory_core::value::Value;

use crate::Subject;
use crate::subject::{names, span};

/// Work that is given a context joins its trace, and the last trace of its root.
pub fn a_context_crosses_threads(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let (id, context) = (root.span_id(), root.context());
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let _here = context.attach();
            let inner = subject.tracer.trace_context("elsewhere");
            assert_eq!(inner.trace_id(), context.trace_id(), "one trace on both threads");
        });
        threads.spawn(|| {
            drop(subject.tracer.start_scope(&SpanOptions::new("given").parent_context(&context)));
        });
    });
    let Some(trace) = subject.finish(root) else { return };
    for name in ["elsewhere", "given"] {
        assert_eq!(span(&trace, name).parent_span_id, Some(id), "{name}");
    }
    assert_eq!(trace.len(), 3, "{:?}", names(&trace));
}

/// A manual span is edited and finished wherever it is, and entered for a while.
pub fn a_manual_span_crosses_threads(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let mut manual = subject.tracer.start_span(&SpanOptions::new("manual"));
    let (id, trace) = (manual.span_id(), manual.trace_id());
    assert_eq!(trace, root.trace_id());
    manual.set_attribute("here", true);
    std::thread::scope(|threads| {
        threads.spawn(move || {
            manual.set_attribute("there", true);
            let seven = manual.in_scope(|| {
                drop(subject.tracer.trace_context("inside"));
                7
            });
            assert_eq!(seven, 7);
            assert!(current_span().is_none(), "it is current only while it is entered");
            assert_eq!((manual.span_id(), manual.trace_id()), (id, trace), "it is the same span");
            manual.finish();
        });
    });
    let Some(trace) = subject.finish(root) else { return };
    let manual = span(&trace, "manual");
    assert_eq!(
        (manual.attribute("here"), manual.attribute("there")),
        (Some(&Value::Bool(true)), Some(&Value::Bool(true)))
    );
    assert_eq!(span(&trace, "inside").parent_span_id, Some(id));
}

/// A thread that is given nothing begins traces of its own.
pub fn threads_do_not_share_what_is_current(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let trace_id = root.trace_id();
    std::thread::scope(|threads| {
        threads.spawn(move || {
            assert!(current_span().is_none());
            let other = subject.tracer.trace_context("other");
            if subject.capabilities.identifies {
                assert_ne!(other.trace_id(), trace_id);
            }
        });
    });
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(names(&trace), ["root"]);
}

/// Threads that come and go while others record lose no span.
pub fn many_threads_lose_nothing(subject: &Subject<'_>) {
    const GENERATIONS: u64 = 5;
    const THREADS: u64 = 8;
    const EACH: u64 = 20;
    let before = subject.tracer.report().accepted;
    for _ in 0..GENERATIONS {
        std::thread::scope(|threads| {
            for _ in 0..THREADS {
                threads.spawn(|| {
                    for _ in 0..EACH {
                        let _outer = subject.tracer.trace_context("outer");
                        drop(subject.tracer.trace_context("inner"));
                    }
                });
            }
        });
    }
    let accepted = subject.tracer.report().accepted - before;
    let expected = if subject.capabilities.records { GENERATIONS * THREADS * EACH * 2 } else { 0 };
    assert_eq!(accepted, expected, "each span is accepted once");
}
