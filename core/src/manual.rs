//! Manual spans: started and finished by hand, on any thread, current only where they are entered.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;

use crate::context::Context;
use crate::exception::Exception;
use crate::guest;
use crate::ids::{SpanContext, SpanId, TraceId};
use crate::options::SpanOptions;
use crate::recorder::{Detached, Node, OpenSpan, Recorder, Recording, StartSpan, with_local};
use crate::span_methods::span_methods;
use crate::value::AttrValue;

/// A span with no scope: `Send`, so that it can follow the work from thread to thread. Ends when finished or dropped.
#[must_use = "the span ends when it is dropped"]
#[derive(Debug)]
pub struct Span {
    recorder: Option<Arc<Recorder>>,
    detached: Option<Detached>,
    end: Option<u64>,
    /// Whether the thread was unwinding already when it was started, in some destructor.
    unwinding: bool,
}

impl Span {
    /// A span of the tracer whose scope is innermost on this thread; `None` when there is none.
    pub fn beside_current(options: &SpanOptions<'_>) -> Option<Self> {
        let recorder = with_local(|local| local.current_recorder()).flatten()?;
        Some(Self::open(&recorder, &options.to_start()))
    }

    /// A span that records nothing. Its identifiers are those of `parent`.
    pub fn noop(parent: &Context) -> Self {
        let detached = Detached { context: parent.frame().clone(), recording: None };
        Self { recorder: None, detached: Some(detached), end: None, unwinding: false }
    }

    pub(crate) fn open(recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> Self {
        let Some(recorder) = recorder.here() else { return Self::noop(&Context::current()) };
        let foreign = guest::parent_for(recorder, &start.parent);
        let detached = match &foreign {
            None => with_local(|local| local.open_detached(recorder, start)),
            Some(parent) => with_local(|local| local.open_detached(recorder, &start.under(parent))),
        };
        let unwinding = std::thread::panicking();
        Self { recorder: Some(Arc::clone(recorder)), detached, end: None, unwinding }
    }

    /// Whether what is set on it goes anywhere.
    pub fn is_recording(&self) -> bool {
        self.detached.as_ref().is_some_and(|detached| detached.recording.is_some())
    }

    fn is_inert(&self) -> bool {
        !self.is_recording()
    }

    fn edit(&mut self, change: impl FnOnce(&mut OpenSpan)) {
        if let Some(detached) = &mut self.detached
            && let Some(recording) = &mut detached.recording
        {
            change(&mut recording.span);
        }
    }

    #[inline]
    fn take_recording(&mut self) -> Option<Box<Recording>> {
        self.detached.as_mut()?.recording.take()
    }

    #[inline]
    fn keep_recording(&mut self, recording: Box<Recording>) {
        if let Some(detached) = &mut self.detached {
            detached.recording = Some(recording);
        }
    }

    span_methods!(&mut);

    /// Adds an event of the past, in nanoseconds since the Unix epoch.
    pub fn add_event_at(
        &mut self,
        name: &str,
        time_unix_nanos: u64,
        attributes: &[(&str, AttrValue<'_>)],
    ) -> &mut Self {
        let pairs = attributes.iter().map(|(name, value)| (*name, value));
        self.edit(|span| span.add_event(name, Some(time_unix_nanos), pairs));
        self
    }

    /// The trace; zeros under `noop` without a parent.
    pub fn trace_id(&self) -> TraceId {
        self.detached.as_ref().map(|detached| detached.context.trace_id).unwrap_or_default()
    }

    /// The span; zeros under `noop` without a parent.
    pub fn span_id(&self) -> SpanId {
        self.detached.as_ref().map(|detached| detached.context.span_id).unwrap_or_default()
    }

    /// Identifiers, flags and vendors' entries.
    pub fn span_context(&self) -> SpanContext {
        self.detached.as_ref().map(|detached| detached.context.span_context()).unwrap_or_default()
    }

    /// As a parent for other spans, wherever they are.
    pub fn context(&self) -> Context {
        self.detached
            .as_ref()
            .map(|detached| Context::from_frame(detached.context.clone()))
            .unwrap_or_default()
    }

    /// The span so far as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let recording = self.detached.as_ref().and_then(|detached| detached.recording.as_ref());
        let span = recording.map(|recording| recording.span.snapshot()).unwrap_or_default();
        crate::json::span_to_json(&span.with_context(self.span_context()))
    }

    /// Makes it current on this thread while `work` runs. A panic is recorded and goes on.
    pub fn in_scope<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let entered = self.enter();
        let result = catch_unwind(AssertUnwindSafe(work));
        drop(entered);
        result.unwrap_or_else(|payload| {
            self.record_panic(&*payload);
            resume_unwind(payload)
        })
    }

    pub(crate) fn enter(&mut self) -> Entered<'_> {
        let node = match (&self.recorder, self.detached.take()) {
            (Some(_), Some(detached)) => with_local(|local| local.enter(detached)),
            (None, Some(detached)) => {
                // Nothing to record, yet children take their parent from here.
                let node = with_local(|local| local.attach(detached.context.clone()));
                self.detached = Some(detached);
                node
            }
            _ => None,
        };
        guest::attach(node.as_ref());
        Entered { span: self, node }
    }

    /// Ends it now.
    pub fn finish(self) {
        drop(self);
    }

    /// Ends it at a moment of the past, in nanoseconds since the Unix epoch.
    pub fn finish_at(mut self, end_unix_nanos: u64) {
        self.end = Some(end_unix_nanos);
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.unwinding && self.is_recording() {
            self.edit(|span| Exception::of_unwinding().record(span));
        }
        if let (Some(recorder), Some(detached)) = (&self.recorder, self.detached.take()) {
            with_local(|local| local.close_detached(recorder, detached, self.end));
        }
    }
}

/// A manual span that is current on this thread.
pub(crate) struct Entered<'a> {
    span: &'a mut Span,
    node: Option<Rc<Node>>,
}

impl Entered<'_> {
    /// Whether it is this place on the stack.
    pub(crate) fn is(&self, node: &Rc<Node>) -> bool {
        self.node.as_ref().is_some_and(|own| Rc::ptr_eq(own, node))
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let Some(node) = self.node.take() else { return };
        guest::detach(Some(&node));
        let detached = with_local(|local| local.leave(node));
        if self.span.recorder.is_some() {
            self.span.detached = detached;
        }
    }
}
