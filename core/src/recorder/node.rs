//! A place on a thread's stack: the context that it stands for, and the span that is recorded in it.
//!
//! Nodes are shared by reference counts: a guard has one, the stack has one, and children have their root's. Only a node
//! that nobody else refers to is used again, so whoever still has one finds it closed at worst. What is in a node is moved
//! out and in rather than borrowed, which costs less and can't fail.

use std::cell::Cell;
use std::fmt;
use std::mem::forget;
use std::rc::Rc;
use std::sync::Arc;

use super::frame::{Detached, Extra, FrameContext, Recording, Worker, trace_state};
use super::last_trace::SharedCapture;
use super::open_span::OpenSpan;
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use crate::span::SpanData;

/// A place on the stack.
#[derive(Default)]
pub(crate) struct Node {
    pub(super) words: Cell<Words>,
    pub(super) stage: Cell<Stage>,
    /// The span that is recorded; otherwise one that waits to be used, or none.
    pub(super) recording: Cell<Option<Box<Recording>>>,
    root: Cell<Root>,
    /// Looked at only if the words say that there is something.
    extra: Cell<Option<Arc<Extra>>>,
    #[cfg(feature = "guest")]
    guest: Cell<Option<opentelemetry::ContextGuard>>,
    /// A root that guests on other threads find.
    #[cfg(feature = "guest")]
    open_root: Cell<Option<crate::guest::OpenRoot>>,
}

/// The plain part of a context.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Words {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) worker: Worker,
    /// The recorder's number; 0 is none.
    pub(super) recorder: u64,
    pub(super) flags: TraceFlags,
    pub(super) is_remote: bool,
    pub(super) has_extra: bool,
    /// Whether the thread was unwinding already when it was opened.
    pub(super) unwinding: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not used yet, or not any more.
    #[default]
    Closed,
    /// A context without a recorded span.
    Passing,
    Recording,
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

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("words", &self.words).field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// OpenTelemetry's guards panic once its own thread-local is gone, which may be before ours: a scope that was leaked
/// must not abort the process when its thread ends.
#[cfg(feature = "guest")]
impl Drop for Node {
    fn drop(&mut self) {
        forget(self.guest.take());
    }
}

impl Node {
    /// Shows the open span to `change` when there is one. The span of a node that is closed only waits, and forgets it all.
    #[inline(always)]
    pub(crate) fn edit<R>(&self, change: impl FnOnce(&mut OpenSpan) -> R) -> Option<R> {
        let mut recording = self.recording.take()?;
        let result = change(&mut recording.span);
        self.keep(recording);
        Some(result)
    }

    /// Puts back what was taken: there is nothing there that would have to be dropped.
    #[inline(always)]
    pub(super) fn keep(&self, recording: Box<Recording>) {
        forget(self.recording.replace(Some(recording)));
    }

    /// Fills it when it is empty, as it is once closed.
    #[inline(always)]
    pub(super) fn set_root(&self, root: Root) {
        forget(self.root.replace(root));
    }

    #[inline(always)]
    pub(super) fn take_root(&self) -> Root {
        self.root.take()
    }

    /// The root of what is opened under it.
    #[inline(always)]
    pub(super) fn root_below(self: &Rc<Self>) -> Root {
        let root = self.root.take();
        let below = match &root {
            Root::None => Root::None,
            Root::Itself => Root::Here(Rc::clone(self)),
            Root::Here(root) => Root::Here(Rc::clone(root)),
            Root::Shared(shared) => Root::Shared(Arc::clone(shared)),
        };
        self.set_root(root);
        below
    }

    /// What most contexts do not have.
    pub(super) fn extra(&self) -> Option<Arc<Extra>> {
        let extra = self.extra.take();
        self.extra.set(extra.clone());
        extra
    }

    #[cold]
    #[inline(never)]
    pub(super) fn set_extra(&self, extra: Option<Arc<Extra>>) {
        self.extra.set(extra);
    }

    /// Whether a span is recorded in it.
    pub(crate) fn records(&self) -> bool {
        self.stage.get() == Stage::Recording
    }

    pub(super) fn is_open(&self) -> bool {
        self.stage.get() != Stage::Closed
    }

    pub(crate) fn identifiers(&self) -> (TraceId, SpanId) {
        let words = self.words.get();
        (words.trace_id, words.span_id)
    }

    pub(crate) fn span_context(&self) -> SpanContext {
        let Words { trace_id, span_id, flags, is_remote, .. } = self.words.get();
        SpanContext { trace_id, span_id, flags, trace_state: trace_state(&self.extra()), is_remote }
    }

    /// The span so far.
    pub(crate) fn snapshot(&self) -> Option<SpanData> {
        if self.records() { self.edit(|span| span.snapshot()) } else { None }
    }

    /// Whether it was opened by a destructor that a panic runs.
    pub(crate) fn opened_while_unwinding(&self) -> bool {
        self.words.get().unwinding
    }

    /// The context, in a form that other threads can be given.
    pub(crate) fn share(&self) -> FrameContext {
        let root = self.root.take();
        let shared = match &root {
            Root::None => None,
            Root::Shared(shared) => Some(Arc::clone(shared)),
            Root::Here(root) => root.share_capture(),
            Root::Itself => self.share_capture(),
        };
        self.set_root(root);
        self.context(shared)
    }

    /// A root's capture, in a form that other threads can be given.
    fn share_capture(&self) -> Option<Arc<SharedCapture>> {
        let mut recording = self.records().then(|| self.recording.take())??;
        let shared = Arc::clone(recording.shared.get_or_insert_with(|| Arc::new(SharedCapture::new())));
        self.keep(recording);
        Some(shared)
    }

    fn context(&self, root: Option<Arc<SharedCapture>>) -> FrameContext {
        self.words.get().context(root, self.extra())
    }

    /// Fills it with a context, and with the span that is recorded there. What waits here for a span comes back.
    pub(super) fn fill(&self, detached: Detached) -> Option<Box<Recording>> {
        let Detached { context, recording } = detached;
        self.words.set(Words {
            trace_id: context.trace_id,
            span_id: context.span_id,
            worker: context.worker,
            recorder: context.recorder,
            flags: context.flags,
            is_remote: context.is_remote,
            has_extra: context.extra.is_some(),
            unwinding: std::thread::panicking(),
        });
        self.root.set(context.root.map_or(Root::None, Root::Shared));
        self.extra.set(context.extra);
        if recording.is_none() {
            self.stage.set(Stage::Passing);
            return None;
        }
        self.stage.set(Stage::Recording);
        self.recording.replace(recording)
    }

    /// Closes it and takes out what [`fill`](Self::fill) put in.
    pub(super) fn empty(&self) -> Detached {
        let root = match self.take_root() {
            Root::Shared(shared) => Some(shared),
            _ => None,
        };
        let context = self.context(root);
        self.extra.set(None);
        let recording = if self.records() { self.recording.take() } else { None };
        self.stage.set(Stage::Closed);
        Detached { context, recording }
    }

    #[cfg(feature = "guest")]
    pub(crate) fn set_guest(&self, guard: opentelemetry::ContextGuard) {
        // Of a closed node the guard ends here.
        if self.is_open() {
            self.guest.set(Some(guard));
        }
    }

    #[cfg(feature = "guest")]
    pub(crate) fn take_guest(&self) -> Option<opentelemetry::ContextGuard> {
        self.guest.take()
    }
}

/// What guests ask and leave here.
#[cfg(feature = "guest")]
impl Node {
    /// Whether it is a recorded root.
    pub(crate) fn is_root(&self) -> bool {
        let root = self.root.take();
        let is_root = matches!(root, Root::Itself);
        self.set_root(root);
        is_root && self.records()
    }

    /// Whether its root was opened elsewhere.
    pub(crate) fn has_root_elsewhere(&self) -> bool {
        let root = self.root.take();
        let elsewhere = matches!(root, Root::Shared(_));
        self.set_root(root);
        elsewhere
    }

    /// Its trace, the recorder's number, and its worker.
    pub(crate) fn belongs_to(&self) -> (TraceId, u64, Worker) {
        let words = self.words.get();
        (words.trace_id, words.recorder, words.worker)
    }

    /// Whether it has vendors' entries or baggage.
    pub(crate) fn has_extra(&self) -> bool {
        self.words.get().has_extra
    }

    pub(crate) fn set_open_root(&self, root: crate::guest::OpenRoot) {
        self.open_root.set(Some(root));
    }

    pub(crate) fn take_open_root(&self) -> Option<crate::guest::OpenRoot> {
        self.open_root.take()
    }

    /// Of a root: what spans elsewhere were added to.
    pub(crate) fn gather(&self, elsewhere: Arc<SharedCapture>) {
        if let Some(mut recording) = self.recording.take() {
            recording.gather(elsewhere);
            self.keep(recording);
        }
    }
}

impl Words {
    pub(super) fn context(self, root: Option<Arc<SharedCapture>>, extra: Option<Arc<Extra>>) -> FrameContext {
        FrameContext {
            trace_id: self.trace_id,
            span_id: self.span_id,
            flags: self.flags,
            is_remote: self.is_remote,
            worker: self.worker,
            recorder: self.recorder,
            root,
            extra,
        }
    }
}
