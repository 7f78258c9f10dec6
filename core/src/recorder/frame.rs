//! What stands on a thread's stack, and the parts of a span that move with it from thread to thread.

use std::sync::Arc;

use super::last_trace::{Capture, SharedCapture};
use super::open_span::{Identity, OpenSpan};
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use crate::propagation::{Baggage, TraceState};
use crate::span::SpanKind;

/// A slot as a guard remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotRef {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl SlotRef {
    /// A slot that never exists.
    pub(crate) const NONE: Self = Self { index: u32::MAX, generation: 0 };

    /// Whether it is that one. No slot has its index.
    #[inline]
    pub(crate) const fn is_none(self) -> bool {
        self.index == u32::MAX
    }
}

/// The context that a slot stands for while it is on the stack. It can move to another thread once `shared`.
#[derive(Debug, Clone, Default)]
pub(crate) struct FrameContext {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) is_remote: bool,
    pub(crate) worker: Option<i64>,
    pub(crate) recorder: u64,
    pub(crate) root: Root,
    /// Present only when there is something in it, since nearly always there is not.
    pub(crate) extra: Option<Arc<Extra>>,
}

/// The parts of a context that most do not have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    pub(crate) trace_state: TraceState,
    pub(crate) baggage: Baggage,
}

/// Where the last trace of a span's root is gathered.
#[derive(Debug, Clone, Default)]
pub(crate) enum Root {
    /// Nobody gathers.
    #[default]
    None,
    /// The root is open on this thread.
    Here(SlotRefOrSelf),
    /// The root is or was open elsewhere.
    Shared(Arc<SharedCapture>),
}

/// A root's own slot is known only once it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotRefOrSelf {
    Itself,
    Slot(SlotRef),
}

impl FrameContext {
    pub(crate) fn span_context(&self) -> SpanContext {
        SpanContext {
            trace_id: self.trace_id,
            span_id: self.span_id,
            flags: self.flags,
            trace_state: self.trace_state(),
            is_remote: self.is_remote,
        }
    }

    pub(super) fn trace_state(&self) -> TraceState {
        self.extra.as_ref().map_or_else(TraceState::default, |extra| extra.trace_state.clone())
    }
}

/// A span that is being recorded, with everything that moves when it does.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) span: OpenSpan,
    pub(super) identity: Identity,
    /// For a local root: the records of spans that ended under it on its own thread.
    pub(super) capture: Capture,
    /// For a local root that other threads can reach.
    pub(crate) shared: Option<Arc<SharedCapture>>,
}

/// A span taken off its thread: what a manual span and a future hold between polls.
#[derive(Debug)]
pub(crate) struct Detached {
    pub(crate) context: FrameContext,
    pub(crate) recording: Option<Box<Recording>>,
}

impl Detached {
    /// The context, as other threads can be given it.
    pub(crate) fn shared_context(&self) -> FrameContext {
        let mut context = self.context.clone();
        if let Root::Here(_) = context.root {
            let shared = self.recording.as_ref().and_then(|recording| recording.shared.clone());
            context.root = shared.map_or(Root::None, Root::Shared);
        }
        context
    }
}

/// What a new span's parent is.
#[derive(Debug, Clone)]
pub(crate) enum Parent<'a> {
    /// Whatever is current.
    Current,
    /// None: a new trace.
    None,
    /// This context.
    Given(&'a FrameContext),
}

/// What starts a span.
#[derive(Debug, Clone)]
pub(crate) struct StartSpan<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: SpanKind,
    pub(crate) parent: Parent<'a>,
    pub(crate) start: Option<u64>,
    pub(crate) scope: u16,
}

impl StartSpan<'_> {
    /// The same under another parent.
    pub(crate) fn under<'b>(&'b self, parent: &'b FrameContext) -> StartSpan<'b> {
        StartSpan { parent: Parent::Given(parent), ..*self }
    }
}
