//! Futures under a span: current at each poll, off the thread between polls.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use crate::context::Context;
use crate::guest;
use crate::manual::{Entered, Span};
use crate::recorder::{Local, Node, Parked, with_local};

/// Puts a future under a span or a context.
pub trait TraceFuture: Future + Sized {
    /// Runs under `span`, which ends when the future does (or is dropped). A panic is recorded with its text and goes on.
    fn in_span(self, span: Span) -> InSpan<Self> {
        InSpan { future: Some(self), span: Some(span), suspended: None }
    }

    /// Runs under `context`, without a span of its own.
    fn with_context(self, context: Context) -> InSpan<Self> {
        self.in_span(Span::noop(&context))
    }

    /// Runs under what is current now: for handing work to `spawn`.
    fn with_current_context(self) -> InSpan<Self> {
        self.with_context(Context::current())
    }
}

impl<F: Future> TraceFuture for F {}

pin_project_lite::pin_project! {
    /// A future under a span.
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct InSpan<F> {
        // `None` once it has ended.
        #[pin]
        future: Option<F>,
        span: Option<Span>,
        // Scopes that the future holds open across an await, innermost last; they come off the thread with it.
        suspended: Option<Parked>,
    }

    impl<F> PinnedDrop for InSpan<F> {
        // What a cancelled future still holds ends under its span.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(span) = this.span
                && this.future.is_some()
            {
                let _poll = Polling::begin(span, this.suspended);
                this.future.set(None);
            }
        }
    }
}

/// While a future is polled, or dropped, the thread's stack is its own: its span, and the scopes it holds open. What
/// was current before comes back afterwards, whatever the future did.
struct Polling<'a> {
    entered: Option<Entered<'a>>,
    suspended: &'a mut Option<Parked>,
    outer: Vec<Rc<Node>>,
}

impl<'a> Polling<'a> {
    fn begin(span: &'a mut Span, suspended: &'a mut Option<Parked>) -> Self {
        let outer = with_local(Local::take_stack).unwrap_or_default();
        let entered = span.enter();
        if suspended.is_some() {
            let held = with_local(|local| local.unpark(suspended.take())).unwrap_or_default();
            for node in &held {
                guest::attach(Some(node));
            }
            with_local(|local| local.resume(held));
        }
        Self { entered: Some(entered), suspended, outer }
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        let mut held = with_local(Local::take_stack).unwrap_or_default();
        held.retain(|node| self.entered.as_ref().is_none_or(|entered| !entered.is(node)));
        // OpenTelemetry's side of what the future holds must not stay behind either; the innermost goes first.
        for node in held.iter().rev() {
            guest::detach(Some(node));
        }
        *self.suspended = with_local(|local| local.park(held)).flatten();
        self.entered = None;
        with_local(|local| local.resume(std::mem::take(&mut self.outer)));
    }
}

impl<F> InSpan<F> {
    /// The span that the future runs under, until it has ended.
    pub fn span_mut(&mut self) -> Option<&mut Span> {
        self.span.as_mut()
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let (Some(span), Some(future)) = (this.span.as_mut(), this.future.as_mut().as_pin_mut()) else {
            return Poll::Pending;
        };
        let polling = Polling::begin(span, this.suspended);
        let result = catch_unwind(AssertUnwindSafe(|| future.poll(task)));
        if !matches!(result, Ok(Poll::Pending)) {
            this.future.set(None);
        }
        drop(polling);
        match result {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                *this.span = None;
                Poll::Ready(output)
            }
            Err(payload) => {
                span.record_panic(&*payload);
                *this.span = None;
                resume_unwind(payload)
            }
        }
    }
}
