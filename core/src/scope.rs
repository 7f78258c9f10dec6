//! Scopes: spans that are current on the thread that opened them and end when their guard is dropped.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::config::Limits;
use crate::context::Context;
use crate::exception::Exception;
use crate::guest;
use crate::ids::{SpanContext, SpanId, TraceId};
use crate::options::SpanOptions;
use crate::recorder::{FrameContext, OpenSpan, Recorder, SlotRef, StartSpan, with_local};
use crate::span::Trace;
use crate::span_methods::span_methods;

/// A span that is current until this guard is dropped, also by an early return or a panic (which makes it an error).
///
/// Stays on its thread; for work that moves, see [`Span`](crate::manual::Span) and
/// [`TraceFuture`](crate::future::TraceFuture).
#[must_use = "the span ends when the scope is dropped"]
#[derive(Debug)]
pub struct Scope {
    slot: SlotRef,
    _this_thread: PhantomData<*const ()>,
}

impl Scope {
    /// A scope that records nothing and leaves the current context as it is. Its identifiers are the parent's, or zeros.
    pub const fn noop() -> Self {
        Self { slot: SlotRef::NONE, _this_thread: PhantomData }
    }

    /// A scope of the tracer whose scope is innermost on this thread; `None` when there is none.
    pub fn beside_current(options: &SpanOptions<'_>) -> Option<Self> {
        let recorder = with_local(|local| local.current_recorder()).flatten()?;
        Some(Self::start(&recorder, &options.to_start()))
    }

    /// A scope that records nothing and makes `context` current, so that it is passed on.
    pub fn passing_on(context: &Context) -> Self {
        let slot = with_local(|local| local.attach(context.frame().clone())).unwrap_or(SlotRef::NONE);
        guest::attach_slot(slot);
        Self { slot, _this_thread: PhantomData }
    }

    #[inline]
    pub(crate) fn start(recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> Self {
        let Some(recorder) = recorder.here() else { return Self::noop() };
        let foreign = guest::parent_for(&start.parent);
        let slot = match &foreign {
            None => with_local(|local| local.open(recorder, start)),
            Some(parent) => with_local(|local| local.open(recorder, &start.under(parent.frame()))),
        };
        let slot = slot.unwrap_or(SlotRef::NONE);
        guest::attach_slot(slot);
        Self { slot, _this_thread: PhantomData }
    }

    /// Somebody else's scope, to be edited and not ended.
    pub(crate) fn borrowed(slot: SlotRef) -> std::mem::ManuallyDrop<Self> {
        std::mem::ManuallyDrop::new(Self { slot, _this_thread: PhantomData })
    }

    /// Shows the innermost scope of this thread to `edit`, without ending it; one that records nothing when there is none.
    pub fn with_current<R>(edit: impl FnOnce(&Scope) -> R) -> R {
        let slot = with_local(|local| local.current_slot()).flatten().unwrap_or(SlotRef::NONE);
        edit(&Self::borrowed(slot))
    }

    /// Whether what is set on it goes anywhere: false when sampled out, under `noop`, after teardown.
    #[inline]
    pub fn is_recording(&self) -> bool {
        !self.is_inert() && with_local(|local| local.recording(self.slot).is_some()) == Some(true)
    }

    #[inline]
    fn is_inert(&self) -> bool {
        self.slot.is_none()
    }

    #[inline]
    fn edit(&self, change: impl FnOnce(&mut OpenSpan, &Limits)) {
        if self.is_inert() {
            return;
        }
        with_local(|local| {
            if let Some((span, limits)) = local.recording(self.slot) {
                change(span, limits);
            }
        });
    }

    span_methods!(&);

    fn frame<R>(&self, read: impl FnOnce(&FrameContext) -> R) -> Option<R> {
        with_local(|local| {
            let frame =
                if self.slot == SlotRef::NONE { local.current() } else { local.context_of(self.slot) };
            frame.map(read)
        })
        .flatten()
    }

    /// The trace; zeros for `noop` without a parent.
    pub fn trace_id(&self) -> TraceId {
        self.frame(|frame| frame.trace_id).unwrap_or_default()
    }

    /// The span; zeros for `noop` without a parent.
    pub fn span_id(&self) -> SpanId {
        self.frame(|frame| frame.span_id).unwrap_or_default()
    }

    /// Identifiers, flags and vendors' entries.
    pub fn span_context(&self) -> SpanContext {
        self.frame(FrameContext::span_context).unwrap_or_default()
    }

    /// As a parent for other threads and tasks.
    pub fn context(&self) -> Context {
        if self.slot == SlotRef::NONE {
            return Context::current();
        }
        with_local(|local| local.share_slot(self.slot)).flatten().map(Context::from_frame).unwrap_or_default()
    }

    /// The span so far as JSON: identifiers, name, kind, start, attributes, events, status. Only identifiers when it is not recorded.
    pub fn to_json(&self) -> serde_json::Value {
        let span = with_local(|local| local.recording(self.slot).map(|(span, _)| span.snapshot())).flatten();
        crate::json::span_to_json(&span.unwrap_or_default().with_context(self.span_context()))
    }

    /// Ends it now and returns the trace that ended with it: all of it for a root, nothing for an inner scope.
    pub fn finish(mut self) -> Trace {
        let slot = std::mem::replace(&mut self.slot, SlotRef::NONE);
        guest::detach(slot);
        let ended = with_local(|local| local.close_root(slot)).flatten();
        ended.map_or_else(Trace::default, |(recorder, capture)| recorder.decode(&capture))
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        if self.is_inert() {
            return;
        }
        // A scope that was opened while unwinding, in some destructor, is not what panicked.
        if std::thread::panicking()
            && with_local(|local| local.opened_while_unwinding(self.slot)) == Some(false)
        {
            self.edit(|span, limits| Exception::of_unwinding().record(span, limits));
        }
        guest::detach(self.slot);
        with_local(|local| local.close(self.slot));
    }
}
