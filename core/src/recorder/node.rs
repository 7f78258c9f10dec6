//! A place on a thread's stack: the context that it stands for, and the span that is recorded in it.
//!
//! Nodes are shared by reference counts: a guard has one, the stack has one, and children have their root's. Only a node
//! that nobody else refers to is used again, so whoever still has one finds it closed at worst.

use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;

use super::frame::{Detached, Extra, FrameContext, Recording, Worker, trace_state};
use super::last_trace::SharedCapture;
use super::open_span::OpenSpan;
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use crate::span::SpanData;

/// A place on the stack.
#[derive(Debug, Default)]
pub(crate) struct Node {
    state: RefCell<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) flags: TraceFlags,
    pub(super) is_remote: bool,
    /// Whether the thread was unwinding already when it was opened.
    pub(super) unwinding: bool,
    /// False once it was closed, and before it is used.
    pub(super) is_open: bool,
    /// Whether a span is recorded in it.
    pub(super) records: bool,
    /// Index of the tracer's entry.
    pub(super) entry: u32,
    pub(super) worker: Worker,
    pub(super) recorder: u64,
    pub(super) root: Root,
    pub(super) extra: Option<Arc<Extra>>,
    /// The span that is recorded; otherwise one that waits for that, or none.
    pub(super) recording: Option<Box<Recording>>,
    #[cfg(feature = "guest")]
    guest: Option<opentelemetry::ContextGuard>,
}

/// Where the last trace of a span's root is gathered.
#[derive(Debug, Default)]
pub(super) enum Root {
    /// Nobody gathers.
    #[default]
    None,
    /// It is the root.
    Itself,
    /// The root is a scope of this thread.
    Here(Rc<Node>),
    /// The root is or was open elsewhere.
    Shared(Arc<SharedCapture>),
}

/// OpenTelemetry's guards panic once its own thread-local is gone, which may be before ours: a scope that was leaked
/// must not abort the process when its thread ends.
#[cfg(feature = "guest")]
impl Drop for State {
    fn drop(&mut self) {
        std::mem::forget(self.guest.take());
    }
}

impl Node {
    /// Nobody holds on to a state, so this always succeeds; were it not so, the call that asks would do nothing.
    #[inline(always)]
    pub(super) fn state(&self) -> Option<RefMut<'_, State>> {
        self.state.try_borrow_mut().ok()
    }

    #[inline(always)]
    pub(super) fn look(&self) -> Option<Ref<'_, State>> {
        self.state.try_borrow().ok()
    }

    /// Shows the open span to `change` when there is one.
    #[inline(always)]
    pub(crate) fn edit<R>(&self, change: impl FnOnce(&mut OpenSpan) -> R) -> Option<R> {
        let mut state = self.state()?;
        let state = &mut *state;
        // One that closed has no guard any more; a borrowed one may outlive its guard.
        state.recording.as_mut().filter(|_| state.records).map(|recording| change(&mut recording.span))
    }

    /// Whether a span is recorded in it.
    pub(crate) fn records(&self) -> bool {
        self.look().is_some_and(|state| state.records)
    }

    pub(crate) fn identifiers(&self) -> (TraceId, SpanId) {
        self.look().map(|state| (state.trace_id, state.span_id)).unwrap_or_default()
    }

    pub(crate) fn span_context(&self) -> SpanContext {
        self.look().map(|state| state.span_context()).unwrap_or_default()
    }

    /// The span so far.
    pub(crate) fn snapshot(&self) -> Option<SpanData> {
        self.edit(|span| span.snapshot())
    }

    /// Whether it was opened by a destructor that a panic runs.
    pub(crate) fn opened_while_unwinding(&self) -> bool {
        self.look().is_some_and(|state| state.unwinding)
    }

    /// The context, in a form that other threads can be given.
    pub(crate) fn share(&self) -> FrameContext {
        let Some(mut state) = self.state() else { return FrameContext::default() };
        let root = match &state.root {
            Root::None => None,
            Root::Shared(shared) => Some(Arc::clone(shared)),
            Root::Here(root) => root.state().and_then(|mut root| root.share_capture()),
            Root::Itself => state.share_capture(),
        };
        state.frame(root)
    }

    #[cfg(feature = "guest")]
    pub(crate) fn set_guest(&self, guard: opentelemetry::ContextGuard) {
        // Of a closed node the guard ends here.
        if let Some(mut state) = self.state().filter(|state| state.is_open) {
            state.guest = Some(guard);
        }
    }

    #[cfg(feature = "guest")]
    pub(crate) fn take_guest(&self) -> Option<opentelemetry::ContextGuard> {
        self.state()?.guest.take()
    }
}

impl State {
    fn span_context(&self) -> SpanContext {
        SpanContext {
            trace_id: self.trace_id,
            span_id: self.span_id,
            flags: self.flags,
            trace_state: trace_state(&self.extra),
            is_remote: self.is_remote,
        }
    }

    /// A root's capture, in a form that other threads can be given.
    fn share_capture(&mut self) -> Option<Arc<SharedCapture>> {
        let recording = self.recording.as_mut().filter(|_| self.records)?;
        Some(Arc::clone(recording.shared.get_or_insert_with(|| Arc::new(SharedCapture::new()))))
    }

    fn frame(&self, root: Option<Arc<SharedCapture>>) -> FrameContext {
        FrameContext {
            trace_id: self.trace_id,
            span_id: self.span_id,
            flags: self.flags,
            is_remote: self.is_remote,
            worker: self.worker,
            recorder: self.recorder,
            root,
            extra: self.extra.clone(),
        }
    }

    /// Fills it with a context, and with the span that is recorded there.
    pub(super) fn fill(&mut self, entry: u32, detached: Detached) {
        let Detached { context, recording } = detached;
        (self.trace_id, self.span_id, self.flags) = (context.trace_id, context.span_id, context.flags);
        (self.is_remote, self.worker, self.recorder) = (context.is_remote, context.worker, context.recorder);
        self.root = context.root.map_or(Root::None, Root::Shared);
        self.extra = context.extra;
        self.entry = entry;
        self.records = recording.is_some();
        if recording.is_some() {
            self.recording = recording;
        }
    }

    /// Takes out what [`fill`](Self::fill) put in, or what a span began with in here.
    pub(super) fn empty(&mut self) -> Detached {
        let root = match std::mem::take(&mut self.root) {
            Root::Shared(shared) => Some(shared),
            Root::Itself => self.share_capture(),
            Root::None | Root::Here(_) => None,
        };
        let recording = if self.records { self.recording.take() } else { None };
        let context = self.frame(root);
        self.extra = None;
        (self.records, self.is_open) = (false, false);
        Detached { context, recording }
    }
}
