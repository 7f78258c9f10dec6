//! What the code that `#[traced]` writes refers to. Not for other use: it may change with any release.

use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

pub use crate::global::{scope, span};
pub use tracer_factory_core::future::TraceFuture;
pub use tracer_factory_core::scope::Scope;
pub use tracer_factory_core::span::SpanKind;
pub use tracer_factory_core::tracer::{BaseTracer, SpanOptions};

/// Runs a function's body under its scope. A panic is recorded with its text and goes on.
pub fn run<R>(scope: Scope, body: impl FnOnce() -> R, check: impl FnOnce(&Scope, &R)) -> R {
    // Nothing that the panic may have left half done is seen before it goes on.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => {
            check(&scope, &result);
            result
        }
        Err(payload) => {
            scope.record_panic(&*payload);
            // Before the thread is unwinding again, which would record the panic twice.
            drop(scope);
            resume_unwind(payload)
        }
    }
}

/// Shows a future's output to `check` while the future's span is still current.
pub fn on_output<F: Future, C: FnOnce(&F::Output)>(future: F, check: C) -> OnOutput<F, C> {
    OnOutput { future, check: Some(check) }
}

pin_project_lite::pin_project! {
    /// See [`on_output`].
    pub struct OnOutput<F, C> {
        #[pin]
        future: F,
        check: Option<C>,
    }
}

impl<F: Future, C: FnOnce(&F::Output)> Future for OnOutput<F, C> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let output = ready!(this.future.poll(task));
        if let Some(check) = this.check.take() {
            check(&output);
        }
        Poll::Ready(output)
    }
}

/// Called as a method, it finds the error behind a `Box<dyn Error>` and the like too.
pub trait RecordError {
    /// Makes the span of `scope` an error.
    fn record_error_in(&self, scope: &Scope);
}

impl<E: Error + ?Sized> RecordError for E {
    fn record_error_in(&self, scope: &Scope) {
        scope.record_error(self);
    }
}

/// An argument as text; one copy for all types.
pub fn debug(value: &dyn Debug) -> String {
    format!("{value:?}")
}
