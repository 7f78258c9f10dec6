//! `BaseTracer`: what every backend's tracer does, and the little that is generic about it.

use std::time::Duration;

use crate::callback::CallbackHandler;
use crate::context::Context;
use crate::error::TracerError;
use crate::manual::Span;
pub use crate::options::{Parent, SpanOptions};
use crate::propagation::{Extractor, Injector};
use crate::report::{Health, Report};
use crate::scope::Scope;
use crate::span::{SpanKind, StatusCode, Trace};
use crate::value::AttrValue;

/// A tracer, whatever its backend. Object-safe: programs hold an `Arc<dyn BaseTracer>` and never ask which one it is.
pub trait BaseTracer: Send + Sync {
    /// What it is: types and endpoints, as the start-up line shows them.
    fn describe(&self) -> String;

    /// Prepares it. Happens by itself before the first worker or scope; repeating it does nothing.
    fn init(&self) -> Result<(), TracerError>;

    /// Delivers what there is within the configured time, stops, and says what became of every span. Scopes that are
    /// opened afterwards record nothing. Repeating it returns the same report.
    fn teardown(&self) -> Report;

    /// Installs process-wide pieces for `worker_id`, when the configuration allows that.
    fn instrument(&self, worker_id: i64) -> Result<(), TracerError>;

    /// Takes away what [`instrument`](Self::instrument) installed.
    fn uninstrument(&self, worker_id: i64) -> Result<(), TracerError>;

    /// Binds the calling thread to a worker: its spans carry `worker.id`. With one worker in the process, so do those
    /// of threads that are bound to none.
    fn init_worker(&self, worker_id: i64) -> Result<(), TracerError>;

    /// Ends a worker: flushes within the configured time and says what became of every span. The tracer lives on.
    fn teardown_worker(&self, worker_id: i64) -> Report;

    /// Opens a scope as told.
    fn start_scope(&self, options: &SpanOptions<'_>) -> Scope;

    /// Starts a manual span as told.
    fn start_span(&self, options: &SpanOptions<'_>) -> Span;

    /// Opens a scope under what is current.
    #[inline]
    fn trace_context(&self, name: &str) -> Scope {
        self.start_scope(&SpanOptions::new(name))
    }

    /// The most recently finished root scope of the worker the calling thread is bound to, else of the tracer.
    fn get_last_trace(&self) -> Trace;

    /// A handler that records a chain's, a model's and a tool's calls as spans with these tags.
    fn get_langchain_callback_handler(&self, tags: &[&str]) -> CallbackHandler;

    /// Sets an attribute of the current span.
    fn add_span_attribute(&self, name: &str, value: AttrValue<'_>);

    /// Adds an event to the current span.
    fn add_span_event(&self, name: &str, attributes: &[(&str, AttrValue<'_>)]);

    /// Sets the status of the current span.
    fn set_span_status(&self, code: StatusCode, message: &str);

    /// Writes `context` into a carrier, in the formats that were chosen.
    fn inject_context(&self, context: &Context, carrier: &mut dyn Injector);

    /// Reads a context from a carrier. Empty when there is none; what is malformed is passed over.
    fn extract_context(&self, carrier: &dyn Extractor) -> Context;

    /// The identifiers of a trace that nobody has started yet, with this tracer's decision whether it is recorded.
    fn new_trace_context(&self) -> Context {
        Context::generate()
    }

    /// Where every span is.
    fn report(&self) -> Report;

    /// Whether every destination can be reached.
    fn health(&self) -> Health;

    /// Delivers what there is, for at most `deadline`.
    fn flush(&self, deadline: Duration) -> Report;
}

/// What reads better with generics; in scope wherever [`BaseTracer`] is used.
pub trait TracerExt: BaseTracer {
    /// A scope under the context that `carrier` holds: one line at the entrance of a service.
    fn trace_request(&self, name: &str, carrier: &dyn Extractor) -> Scope {
        let context = self.extract_context(carrier);
        self.start_scope(&SpanOptions::new(name).kind(SpanKind::Server).parent_context(&context))
    }

    /// The headers of the current context; empty when nothing is current.
    fn get_trace_context(&self) -> std::collections::HashMap<String, String> {
        let mut headers = std::collections::HashMap::new();
        self.inject_context(&Context::current(), &mut headers);
        headers
    }

    /// The same, and headers of a new trace when nothing is current: for work that is handed away before it has a span.
    fn generate_trace_context(&self) -> std::collections::HashMap<String, String> {
        let current = Context::current();
        if current.is_valid() {
            return self.get_trace_context();
        }
        let mut headers = std::collections::HashMap::new();
        self.inject_context(&self.new_trace_context().with_baggage(current.baggage()), &mut headers);
        headers
    }

    /// Runs `work` in a scope; an error it returns is recorded.
    fn in_scope<T, E: std::error::Error>(
        &self,
        name: &str,
        work: impl FnOnce(&Scope) -> Result<T, E>,
    ) -> Result<T, E> {
        let scope = self.trace_context(name);
        let result = work(&scope);
        if let Err(error) = &result {
            scope.record_error(error);
        }
        result
    }
}

impl<T: BaseTracer + ?Sized> TracerExt for T {}

impl Span {
    /// Starts a span under what is current.
    pub fn start(tracer: &(impl BaseTracer + ?Sized), name: &str) -> Self {
        tracer.start_span(&SpanOptions::new(name))
    }
}
