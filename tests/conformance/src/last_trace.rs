//! Last traces: what `finish` and `get_last_trace` return.

use tracer_factory_core::tracer::SpanOptions;

use crate::Subject;
use crate::current::remote;
use crate::subject::{names, span};

/// A root's `finish` returns its spans and nobody else's; an inner scope's returns none.
pub fn finish_returns_exactly_its_trace(subject: &Subject<'_>) {
    for turn in 0..3 {
        let root = subject.tracer.trace_context("root");
        let id = root.trace_id();
        let inner = subject.tracer.trace_context(&format!("inner {turn}"));
        assert!(inner.finish().is_empty(), "an inner scope ends no trace");
        drop(subject.tracer.start_scope(&SpanOptions::new("other trace").new_trace()));
        let Some(trace) = subject.finish(root) else { continue };
        assert_eq!(names(&trace), [&format!("inner {turn}"), "root"]);
        assert!(trace.spans.iter().all(|span| span.trace_id() == id));
        assert_eq!((trace.trace_id(), trace.omitted_spans), (id, 0));
        assert_eq!(trace.root().map(|root| root.name.as_str()), Some("root"));
        let service = trace.spans[0].resource.attributes.iter().find(|(name, _)| name == "service.name");
        assert!(
            service.is_some_and(|(_, name)| name.as_str().is_some_and(|name| !name.is_empty())),
            "spans name their service"
        );
    }
}

/// `get_last_trace` is the root that ended last, on whatever thread; reading it does not change it.
pub fn the_last_trace_is_the_newest_root(subject: &Subject<'_>) {
    assert!(subject.tracer.get_last_trace().is_empty(), "before the first there is none");
    drop(subject.tracer.trace_context("first"));
    std::thread::scope(|threads| {
        threads.spawn(|| drop(subject.tracer.trace_context("on another thread")));
    });
    if let Some(trace) = subject.last_trace() {
        assert_eq!(names(&trace), ["on another thread"]);
    }
    let open = subject.tracer.trace_context("still open");
    if let Some(trace) = subject.last_trace() {
        assert_eq!(names(&trace), ["on another thread"], "a root that is open is none");
    }
    drop(open);
    for _ in 0..2 {
        if let Some(trace) = subject.last_trace() {
            assert_eq!(names(&trace), ["still open"]);
        }
    }
    subject.tracer.flush(crate::PATIENCE);
    if let Some(trace) = subject.last_trace() {
        assert_eq!(names(&trace), ["still open"], "delivery does not take it away");
    }
}

/// On a thread that is bound to a worker it is that worker's.
pub fn the_last_trace_is_the_worker_s(subject: &Subject<'_>) {
    let tracer = subject.tracer;
    assert_eq!(tracer.init_worker(1), Ok(()));
    drop(tracer.trace_context("of one"));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            assert_eq!(tracer.init_worker(2), Ok(()));
            drop(tracer.trace_context("of two"));
            if let Some(trace) = subject.last_trace() {
                assert_eq!(names(&trace), ["of two"]);
            }
            tracer.teardown_worker(2);
        });
    });
    if let Some(trace) = subject.last_trace() {
        assert_eq!(names(&trace), ["of one"], "the other worker's is newer, and not ours");
    }
    tracer.teardown_worker(1);
}

/// A span whose parent is in another process is the root of what is recorded here.
pub fn a_remote_parent_does_not_hide_the_root(subject: &Subject<'_>) {
    let parent = remote();
    let root = subject.tracer.start_scope(&SpanOptions::new("request").parent_context(&parent));
    drop(subject.tracer.trace_context("inner"));
    let trace = root.finish();
    if !subject.capabilities.identifies {
        return;
    }
    assert_eq!(names(&trace), ["inner", "request"]);
    assert_eq!(trace.trace_id(), parent.trace_id());
    assert_eq!(span(&trace, "request").parent_span_id, Some(parent.span_id()));
}
