//! Contexts and spans as they move from thread to thread, and what starts a span.

use std::sync::Arc;

use super::last_trace::{Capture, SharedCapture};
use super::open_span::OpenSpan;
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use crate::propagation::{Baggage, TraceState};
use crate::span::SpanKind;

/// A place in a trace, in a form that other threads can be given.
#[derive(Debug, Clone, Default)]
pub(crate) struct FrameContext {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) is_remote: bool,
    pub(crate) worker: Worker,
    /// The recorder's number; 0 is none.
    pub(crate) recorder: u64,
    /// Where the last trace of its root is gathered, while anybody does.
    pub(crate) root: Option<Arc<SharedCapture>>,
    /// Present only when there is something in it, since nearly always there is not.
    pub(crate) extra: Option<Arc<Extra>>,
}

/// The parts of a context that most do not have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    pub(crate) trace_state: TraceState,
    pub(crate) baggage: Baggage,
}

/// A worker's number or none, in one word. None is zero, which is quick to tell; the numbers are moved out of its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Worker(i64);

impl Worker {
    pub(crate) const NONE: Self = Self(0);

    /// The least of all numbers stands for none.
    pub(crate) const fn new(number: i64) -> Self {
        Self(number ^ i64::MIN)
    }

    #[inline(always)]
    pub(crate) fn number(self) -> Option<i64> {
        if self == Self::NONE { None } else { Some(self.0 ^ i64::MIN) }
    }

    #[inline(always)]
    pub(super) fn or(self, other: impl FnOnce() -> Self) -> Self {
        if self == Self::NONE { other() } else { self }
    }

    pub(crate) const fn word(self) -> i64 {
        self.0
    }

    pub(crate) const fn from_word(word: i64) -> Self {
        Self(word)
    }
}

impl Default for Worker {
    fn default() -> Self {
        Self::NONE
    }
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

    fn trace_state(&self) -> TraceState {
        self.extra.as_ref().map_or_else(TraceState::default, |extra| extra.trace_state.clone())
    }
}

/// A span off its thread: what a manual span and a future hold between polls.
#[derive(Debug)]
pub(crate) struct Detached {
    /// Its root, when it is one itself, is where its own children are gathered.
    pub(crate) context: FrameContext,
    /// `None` for a context without a recorded span.
    pub(crate) recording: Option<Box<Recording>>,
}

/// A span that is being recorded, with everything that moves when it does. Once it has ended, it is a last trace when it
/// was a root.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) span: OpenSpan,
    /// For a local root: the records of spans that ended under it on its own thread.
    pub(super) capture: Capture,
    /// For a local root that other threads can reach.
    pub(crate) shared: Option<Arc<SharedCapture>>,
    /// For an ended root: whose it was.
    pub(super) worker: Worker,
}

#[cfg(feature = "guest")]
impl Recording {
    /// Of a local root: what spans elsewhere were added to.
    pub(crate) fn gather(&mut self, elsewhere: Arc<SharedCapture>) {
        match &self.shared {
            None => self.shared = Some(elsewhere),
            Some(shared) => shared.take_over(&elsewhere, self.span.limits.last_trace_bytes),
        }
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

impl<'a> StartSpan<'a> {
    /// What nearly all are.
    #[inline(always)]
    pub(crate) fn named(name: &'a str) -> Self {
        Self { name, kind: SpanKind::Internal, parent: Parent::Current, start: None, scope: 0 }
    }

    /// The same under another parent.
    pub(crate) fn under<'b>(&'b self, parent: &'b FrameContext) -> StartSpan<'b> {
        StartSpan { parent: Parent::Given(parent), ..*self }
    }
}
