//! Futures: a span is current while its future is polled, and nowhere else.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context as TaskContext, Poll, Waker};

use tracer_factory_core::context::{Context, current_span, current_span_id, current_trace_id};
use tracer_factory_core::future::TraceFuture;
use tracer_factory_core::span::StatusCode;
use tracer_factory_core::tracer::SpanOptions;

use crate::Subject;
use crate::subject::{names, span};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// Pending once.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(
        |_| if std::mem::replace(&mut paused, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}

/// A scope that is open across an await is current in the future and not outside of it.
pub fn a_future_keeps_its_span_between_polls(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let root_id = root.span_id();
    let mut future = pin!(
        async {
            drop(subject.tracer.trace_context("before"));
            pause().await;
            drop(subject.tracer.trace_context("after"));
            7
        }
        .in_span(subject.tracer.start_span(&SpanOptions::new("future")))
    );
    assert_eq!(poll(future.as_mut()), Poll::Pending);
    assert_eq!(
        current_span_id().unwrap_or_default(),
        root_id,
        "between polls the future's span is not current"
    );
    drop(subject.tracer.trace_context("between"));
    assert_eq!(poll(future.as_mut()), Poll::Ready(7), "its result is its own");
    let Some(trace) = subject.finish(root) else { return };
    let future = span(&trace, "future");
    assert_eq!(future.parent_span_id, Some(root_id));
    for (name, parent) in [("before", future.span_id()), ("after", future.span_id()), ("between", root_id)] {
        assert_eq!(span(&trace, name).parent_span_id, Some(parent), "{name}");
    }
}

/// Futures that take turns on one thread see each its own span and its own open scopes.
pub fn interleaved_futures_do_not_mix(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let task = |name: &'static str, inner: &'static str| {
        async move {
            for _ in 0..3 {
                let held = subject.tracer.trace_context(inner);
                let mine = current_span_id();
                pause().await;
                assert_eq!(current_span_id(), mine, "after an await the same span is current");
                drop(held);
            }
        }
        .in_span(subject.tracer.start_span(&SpanOptions::new(name)))
    };
    let (mut one, mut two) = (pin!(task("one", "of one")), pin!(task("two", "of two")));
    for _ in 0..3 {
        assert!(poll(one.as_mut()).is_pending() && poll(two.as_mut()).is_pending());
    }
    assert!(poll(one.as_mut()).is_ready() && poll(two.as_mut()).is_ready());
    let Some(trace) = subject.finish(root) else { return };
    for (name, inner) in [("one", "of one"), ("two", "of two")] {
        let parent = span(&trace, name).span_id();
        let children: Vec<_> = trace.children(parent).map(|span| span.name.as_str()).collect();
        assert_eq!(children, [inner; 3], "{name}");
    }
}

/// A future may be polled by another thread each time.
pub fn a_future_moves_between_threads(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let context = root.context();
    let mut future = Box::pin(
        async {
            for _ in 0..3 {
                drop(subject.tracer.trace_context("step"));
                pause().await;
            }
        }
        .in_span(subject.tracer.start_span(&SpanOptions::new("future")))
        .with_context(context),
    );
    loop {
        let ready = std::thread::scope(|threads| {
            let polled = threads.spawn(|| {
                let ready = poll(future.as_mut()).is_ready();
                assert!(current_span().is_none(), "the thread is left as it was");
                ready
            });
            polled.join()
        });
        match ready {
            Ok(true) => break,
            Ok(false) => {}
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(names(&trace), ["step", "step", "step", "future", "root"]);
    let future = span(&trace, "future").span_id();
    assert_eq!(trace.children(future).count(), 3);
}

/// A future that is dropped before its end ends its spans.
pub fn a_cancelled_future_ends_its_span(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let future = async {
        let _held = subject.tracer.trace_context("held");
        std::future::pending::<()>().await;
    };
    let mut future = Box::pin(future.in_span(subject.tracer.start_span(&SpanOptions::new("cancelled"))));
    assert!(poll(future.as_mut()).is_pending());
    drop(future);
    let never_polled = async {}.in_span(subject.tracer.start_span(&SpanOptions::new("never polled")));
    drop(never_polled);
    assert_eq!(current_trace_id().unwrap_or_default(), root.trace_id(), "the root is current");
    let Some(trace) = subject.finish(root) else { return };
    assert_eq!(names(&trace), ["held", "cancelled", "never polled", "root"]);
    assert_eq!(span(&trace, "held").parent_span_id, Some(span(&trace, "cancelled").span_id()));
}

/// A panic inside a future is recorded with its text, goes on, and leaves the thread usable.
pub fn a_future_s_panic_goes_on(subject: &Subject<'_>) {
    let root = subject.tracer.trace_context("root");
    let future = async {
        let _held = subject.tracer.trace_context("held");
        pause().await;
        std::panic::resume_unwind(Box::new("these words"))
    };
    let mut future = Box::pin(future.in_span(subject.tracer.start_span(&SpanOptions::new("panics"))));
    assert!(poll::<_>(future.as_mut()).is_pending());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _: Poll<()> = poll(future.as_mut());
    }));
    let words = panicked.err().and_then(|payload| payload.downcast_ref::<&str>().copied());
    assert_eq!(words, Some("these words"), "the panic goes on unchanged");
    drop(future);
    assert_eq!(Context::current().trace_id(), root.trace_id(), "the root is current");
    let Some(trace) = subject.finish(root) else { return };
    let status = &span(&trace, "panics").status;
    assert_eq!((status.code, status.message.as_str()), (StatusCode::Error, "these words"));
}
