//! Scopes in each other: parents, identifiers, and every way for a scope to end.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracer_factory_core::context::current_span;
use tracer_factory_core::span::StatusCode;
use tracer_factory_core::tracer::SpanOptions;

use crate::Subject;
use crate::subject::{names, span};

/// A scope inside a scope is its child, in the same trace.
pub fn scopes_nest(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let child = subject.tracer.trace_context("child");
    let grandchild = subject.tracer.trace_context("grandchild");
    let ids = [root.span_id(), child.span_id(), grandchild.span_id()];
    assert_eq!(child.trace_id(), root.trace_id(), "a trace has one identifier");
    assert_eq!(grandchild.trace_id(), root.trace_id());
    if subject.capabilities.identifies {
        assert!(root.trace_id().is_valid(), "a trace has an identifier");
        assert_eq!(HashSet::from(ids).len(), 3, "each span has its own identifier");
        assert!(ids.iter().all(|id| id.is_valid()));
    } else {
        assert!(!root.trace_id().is_valid() && ids.iter().all(|id| !id.is_valid()), "zeros without a parent");
    }
    drop(grandchild);
    drop(child);
    let sibling = subject.tracer.trace_context("sibling");
    drop(sibling);
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(names(&trace), ["grandchild", "child", "sibling", "root"], "in the order they ended");
    let parents: Vec<_> = trace.spans.iter().map(|span| span.parent_span_id).collect();
    assert_eq!(parents, [Some(ids[1]), Some(ids[0]), Some(ids[0]), None]);
    for span in &trace.spans {
        assert_ne!(span.parent_is_remote, Some(true), "{}: its parent is in this process", span.name);
        assert!(span.end_unix_nanos >= span.start_unix_nanos, "{}: it ends after it began", span.name);
    }
    let (root, child) = (span(&trace, "root"), span(&trace, "child"));
    assert!(root.start_unix_nanos <= child.start_unix_nanos && child.end_unix_nanos <= root.end_unix_nanos);
}

/// A scope may begin a trace of its own where another is open.
pub fn a_new_trace_has_no_parent(subject: &Subject<'_>) {
    let outer = subject.tracer.trace_context("outer");
    let other = subject.tracer.start_scope(&SpanOptions::new("other").new_trace());
    if subject.capabilities.identifies {
        assert_ne!(other.trace_id(), outer.trace_id(), "a new trace has a new identifier");
    }
    if let Some(trace) = subject.finish(other) {
        assert_eq!(names(&trace), ["other"]);
        assert_eq!(trace.spans[0].parent_span_id, None);
    }
    if let Some(trace) = subject.finish(outer) {
        assert_eq!(names(&trace), ["outer"], "the other trace is not a part of this one");
    }
}

/// `parent_context` says where a span belongs, whatever is current.
pub fn a_given_parent_wins_over_the_current_one(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let context = root.context();
    let between = subject.tracer.trace_context("between");
    let child = subject.tracer.start_scope(&SpanOptions::new("child").parent_context(&context));
    drop(child);
    drop(between);
    let id = root.span_id();
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(span(&trace, "child").parent_span_id, Some(id), "the parent that was given");
}

/// `?` and `return` end the scopes they leave.
pub fn an_early_return_ends_the_scope(subject: &Subject<'_>) {
    fn parse(subject: &Subject<'_>, text: &str) -> Result<u32, std::num::ParseIntError> {
        let _scope = subject.tracer.trace_context("parse");
        let number = text.parse()?;
        Ok(number)
    }
    let root = subject.tracer.trace_context("root");
    let id = root.span_id();
    assert!(parse(subject, "not a number").is_err());
    assert_eq!(parse(subject, "7"), Ok(7));
    assert_eq!(current_span().map_or(id, |current| current.span_id()), id, "the root is current again");
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(names(&trace), ["parse", "parse", "root"]);
    assert!(trace.spans[..2].iter().all(|span| span.parent_span_id == Some(id)));
}

/// A panic ends the scopes that it leaves, as errors, and the rest of the program traces on.
pub fn a_panic_ends_the_scope_as_an_error(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _outer = subject.tracer.trace_context("outer");
        let _inner = subject.tracer.trace_context("inner");
        std::panic::resume_unwind(Box::new("words"));
    }));
    let words = panicked.err().and_then(|payload| payload.downcast_ref::<&str>().copied());
    assert_eq!(words, Some("words"), "the panic goes on unchanged");
    drop(subject.tracer.trace_context("next"));
    let id = root.span_id();
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(names(&trace), ["inner", "outer", "next", "root"]);
    for name in ["inner", "outer"] {
        assert_eq!(span(&trace, name).status.code, StatusCode::Error, "{name}: a panic is an error");
    }
    assert_eq!(span(&trace, "next").parent_span_id, Some(id), "what the panic left is not current");
    assert_eq!(span(&trace, "root").status.code, StatusCode::Unset, "a panic that was caught is no error");
}

/// Guards that are dropped in another order leave the spans whole and the current context right.
pub fn scopes_close_in_any_order(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let middle = subject.tracer.trace_context("middle");
    let inner = subject.tracer.trace_context("inner");
    let (root_id, middle_id) = (root.span_id(), middle.span_id());
    drop(middle);
    drop(subject.tracer.trace_context("under inner"));
    let inner_id = inner.span_id();
    drop(inner);
    drop(subject.tracer.trace_context("under root"));
    if let Some(trace) = subject.finish(root) {
        assert_eq!(names(&trace), ["middle", "under inner", "inner", "under root", "root"]);
        assert_eq!(span(&trace, "inner").parent_span_id, Some(middle_id));
        assert_eq!(span(&trace, "under inner").parent_span_id, Some(inner_id));
        assert_eq!(span(&trace, "under root").parent_span_id, Some(root_id));
    }
    let root = subject.tracer.trace_context("ends first");
    let orphan = subject.tracer.trace_context("ends last");
    let root_id = root.span_id();
    drop(root);
    orphan.set_attribute("still", "open");
    assert_eq!(orphan.is_recording(), subject.capabilities.records, "a child outlives its root");
    if subject.capabilities.identifies {
        assert_ne!(orphan.span_id(), root_id);
    }
    drop(orphan);
    assert!(current_span().is_none());
}

/// Identifiers are random enough never to repeat, on one thread or several.
pub fn identifiers_never_repeat(subject: &Subject<'_>) {
    if !subject.capabilities.identifies {
        return;
    }
    const THREADS: usize = 4;
    const EACH: usize = 250;
    let ids = || -> Vec<_> {
        (0..EACH)
            .map(|_| {
                let scope = subject.tracer.trace_context("one");
                (scope.trace_id(), scope.span_id())
            })
            .collect()
    };
    let (mut traces, mut spans) = (HashSet::new(), HashSet::new());
    std::thread::scope(|threads| {
        let threads: Vec<_> = (0..THREADS).map(|_| threads.spawn(ids)).collect();
        for thread in threads {
            for (trace, span) in thread.join().unwrap_or_default() {
                traces.insert(trace);
                spans.insert(span);
            }
        }
    });
    assert_eq!((traces.len(), spans.len()), (THREADS * EACH, THREADS * EACH));
}

/// Nesting has no limit but memory.
pub fn ten_thousand_deep(subject: &Subject<'_>) {
    const DEEP: usize = 10_000;
    let before = subject.tracer.report().accepted;
    let mut scopes: Vec<_> = (0..DEEP).map(|_| subject.tracer.trace_context("deep")).collect();
    let trace = scopes[0].trace_id();
    assert!(scopes.iter().all(|scope| scope.trace_id() == trace), "one trace all the way down");
    while scopes.pop().is_some() {}
    assert!(current_span().is_none());
    let accepted = subject.tracer.report().accepted - before;
    assert_eq!(accepted, if subject.capabilities.records { DEEP as u64 } else { 0 });
}
