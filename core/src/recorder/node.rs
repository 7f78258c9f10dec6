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

use super::frame::{Detached, Extra, FrameContext, Recording, Worker};
use super::last_trace::SharedCapture;
use super::open_span::OpenSpan;
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use crate::span::SpanData;

/// A place on the stack.
#[derive(Default)]
pub(crate) struct Node {
    pub(super) trace_id: Cell<TraceId>,
    pub(super) span_id: Cell<SpanId>,
    /// Of a span that began here; all zeros for none.
    pub(super) parent: Cell<SpanId>,
    pub(super) worker: Cell<Worker>,
    /// The recorder's number; 0 is none.
    pub(super) recorder: Cell<u64>,
    /// The recorder whose spans have all they need of this context in its plain words; 0 is none.
    pub(super) plain_for: Cell<u64>,
    pub(super) flags: Cell<TraceFlags>,
    pub(super) is_remote: Cell<bool>,
    pub(super) parent_is_remote: Cell<bool>,
    pub(super) has_extra: Cell<bool>,
    /// Whether the thread was unwinding already when it was opened.
    pub(super) unwinding: Cell<bool>,
    pub(super) stage: Cell<Stage>,
    /// The span that is recorded; otherwise one that waits to be used, or none.
    pub(super) recording: Cell<Option<Box<Recording>>>,
    root: Cell<Root>,
    /// Looked at only if there is something.
    extra: Cell<Option<Arc<Extra>>>,
    #[cfg(feature = "guest")]
    guest: Cell<Option<opentelemetry::ContextGuard>>,
    /// A root that guests on other threads find.
    #[cfg(feature = "guest")]
    open_root: Cell<Option<crate::guest::OpenRoot>>,
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

impl Root {
    /// Another way to a root that no scope of this thread is; out of the way of those that one is.
    #[cold]
    #[inline(never)]
    fn known_elsewhere(&self) -> Self {
        match self {
            Self::Shared(shared) => Self::Shared(Arc::clone(shared)),
            _ => Self::None,
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("trace_id", &self.trace_id)
            .field("span_id", &self.span_id)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
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

    /// Takes the open span out when there is one, to be put back at once.
    #[inline(always)]
    pub(crate) fn take_recording(&self) -> Option<Box<Recording>> {
        self.recording.take()
    }

    /// Puts back what was taken: there is nothing there that would have to be dropped.
    #[inline(always)]
    pub(crate) fn keep(&self, recording: Box<Recording>) {
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
            Root::Here(root) => Root::Here(Rc::clone(root)),
            Root::Itself => Root::Here(Rc::clone(self)),
            elsewhere => elsewhere.known_elsewhere(),
        };
        self.set_root(root);
        below
    }

    /// Whether it is its own root.
    #[inline(always)]
    pub(super) fn is_root(&self) -> bool {
        let root = self.root.take();
        let is_root = matches!(root, Root::Itself);
        self.set_root(root);
        is_root
    }

    /// The context, without what would take more than looking.
    pub(super) fn without_root(&self) -> FrameContext {
        self.context(None)
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
        self.has_extra.set(extra.is_some());
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
        (self.trace_id.get(), self.span_id.get())
    }

    pub(crate) fn span_context(&self) -> SpanContext {
        if self.has_extra.get() {
            return self.context(None).span_context();
        }
        SpanContext {
            trace_id: self.trace_id.get(),
            span_id: self.span_id.get(),
            flags: self.flags.get(),
            is_remote: self.is_remote.get(),
            ..SpanContext::default()
        }
    }

    /// The span so far.
    pub(crate) fn snapshot(&self) -> Option<SpanData> {
        if self.records() { self.edit(|span| span.snapshot()) } else { None }
    }

    /// Whether it was opened by a destructor that a panic runs.
    pub(crate) fn opened_while_unwinding(&self) -> bool {
        self.unwinding.get()
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
        FrameContext {
            trace_id: self.trace_id.get(),
            span_id: self.span_id.get(),
            flags: self.flags.get(),
            is_remote: self.is_remote.get(),
            worker: self.worker.get(),
            recorder: self.recorder.get(),
            root,
            extra: self.extra(),
        }
    }

    /// Fills it with a context, and with the span that is recorded there. What waits here for a span comes back.
    pub(super) fn fill(&self, detached: Detached) -> Option<Box<Recording>> {
        let Detached { context, recording } = detached;
        self.trace_id.set(context.trace_id);
        self.span_id.set(context.span_id);
        self.worker.set(context.worker);
        self.recorder.set(context.recorder);
        self.plain_for.set(0);
        self.flags.set(context.flags);
        self.is_remote.set(context.is_remote);
        self.unwinding.set(std::thread::panicking());
        self.root.set(context.root.map_or(Root::None, Root::Shared));
        self.set_extra(context.extra);
        if recording.is_none() {
            self.stage.set(Stage::Passing);
            return None;
        }
        self.stage.set(Stage::Recording);
        self.recording.replace(recording)
    }

    /// Closes it and takes everything out. A root that leaves the stack is reached by its shared capture from now on.
    pub(super) fn empty(&self) -> Detached {
        let root = match self.take_root() {
            Root::Shared(shared) => Some(shared),
            Root::Itself => self.share_capture(),
            Root::None | Root::Here(_) => None,
        };
        let context = self.context(root);
        self.set_extra(None);
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
    pub(crate) fn records_root(&self) -> bool {
        self.is_root() && self.records()
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
        (self.trace_id.get(), self.recorder.get(), self.worker.get())
    }

    /// Whether it has vendors' entries or baggage.
    pub(crate) fn has_extra(&self) -> bool {
        self.has_extra.get()
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
