//! What is current: read, set, hidden.

use tracer_factory_core::context::{
    Context, correlation_id, current_span, current_span_id, current_trace_id, detach, set_current_span,
};
use tracer_factory_core::ids::{SpanContext, SpanId, TraceFlags, TraceId};

use crate::Subject;
use crate::subject::span;

/// A context from elsewhere.
pub(crate) fn remote() -> Context {
    let mut parent = SpanContext::new(TraceId::from_int(0xABCD), SpanId::from_int(0x77), TraceFlags::SAMPLED);
    parent.is_remote = true;
    Context::from_span_context(parent)
}

/// Before the first scope and after the last one nothing is current.
pub fn nothing_is_current_outside_scopes(subject: &Subject<'_>) {
    let nothing = || {
        assert!(current_span().is_none() && !Context::current().is_valid());
        assert_eq!((current_trace_id(), current_span_id(), correlation_id()), (None, None, None));
    };
    nothing();
    drop(subject.tracer.trace_context("work"));
    nothing();
}

/// The functions that read what is current all speak of the innermost scope.
pub fn the_innermost_scope_is_current(subject: &Subject<'_>) {
    let outer = subject.tracer.trace_context("outer");
    for _ in 0..2 {
        let inner = subject.tracer.trace_context("inner");
        if subject.capabilities.identifies {
            let (trace, id) = (inner.trace_id(), inner.span_id());
            assert_eq!(current_span().map(|span| (span.trace_id(), span.span_id())), Some((trace, id)));
            assert_eq!((current_trace_id(), current_span_id()), (Some(trace), Some(id)));
            assert_eq!(correlation_id(), Some(format!("{trace}-{id}")));
            assert_eq!(inner.context().span_context(), inner.span_context());
        } else {
            assert!(current_span().is_none() && correlation_id().is_none(), "zeros are not current");
        }
    }
    if subject.capabilities.identifies {
        assert_eq!(current_span_id(), Some(outer.span_id()), "the outer one is current again");
    }
}

/// A context from elsewhere becomes current, and the parent of what begins under it.
pub fn a_context_can_be_made_current(subject: &Subject<'_>) {
    let context = remote();
    for guard in [context.attach(), set_current_span(Some(&context))] {
        assert_eq!(current_trace_id(), Some(context.trace_id()));
        let scope = subject.tracer.trace_context("under it");
        assert_eq!(scope.trace_id(), context.trace_id(), "its trace goes on");
        if !subject.capabilities.identifies {
            assert_eq!(scope.span_id(), context.span_id(), "the identifiers are the parent's");
        }
        let trace = scope.finish();
        if subject.capabilities.identifies {
            assert_eq!(
                span(&trace, "under it").parent_span_id,
                Some(context.span_id()),
                "its decision is followed"
            );
        }
        drop(guard);
    }
    assert!(current_span().is_none());
}

/// Hiding what is current gives a clean slate, and dropping the guard gives it back.
pub fn what_is_current_can_be_hidden(subject: &Subject<'_>) {
    let outer = subject.tracer.trace_context("outer");
    for guard in [detach(), set_current_span(None)] {
        assert!(current_span().is_none(), "nothing is current");
        drop(guard);
    }
    {
        let _clean = detach();
        let fresh = subject.tracer.trace_context("fresh");
        if subject.capabilities.identifies {
            assert_ne!(fresh.trace_id(), outer.trace_id(), "a clean slate begins a new trace");
        }
        let _back = set_current_span(Some(&outer.context()));
        let child = subject.tracer.trace_context("child");
        assert_eq!(child.trace_id(), outer.trace_id());
    }
    if subject.capabilities.identifies {
        assert_eq!(current_span_id(), Some(outer.span_id()), "it is current again");
    }
}

/// Guards of contexts and scopes may be dropped in an order that is not theirs.
pub fn guards_may_be_dropped_in_any_order(subject: &Subject<'_>) {
    let context = remote();
    let attached = context.attach();
    let scope = subject.tracer.trace_context("scope");
    let hidden = detach();
    let inner = subject.tracer.trace_context("inner");
    drop(attached);
    drop(scope);
    drop(hidden);
    drop(inner);
    assert!(current_span().is_none(), "nothing is left");
    drop(subject.tracer.trace_context("and it works on"));
}
