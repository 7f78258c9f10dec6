//! The current context: what new spans are children of, and how it crosses threads and tasks.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::guest;
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use crate::propagation::{Baggage, Propagated};
use crate::recorder::{Extra, FrameContext, Local, Node, with_local};

/// A place in a trace, with baggage. `Send`: give it to another thread, task or queue, and [attach](Context::attach) it there.
#[derive(Clone, Default)]
pub struct Context {
    frame: FrameContext,
}

impl Context {
    /// What is current on this thread; empty when nothing is.
    ///
    /// Spans that are started under it, on whatever thread, are part of its root's last trace while that root is open.
    pub fn current() -> Self {
        let native = with_local(|local| local.share_current()).flatten();
        guest::current_context(native.as_ref().map(|frame| frame.span_id))
            .map(|remote| Self::from_parts(remote, Baggage::default()).with_frame_of(native.as_ref()))
            .or_else(|| native.map(|frame| Self { frame }))
            .unwrap_or_default()
    }

    /// A context from identifiers that came from elsewhere.
    pub fn from_parts(span: SpanContext, baggage: Baggage) -> Self {
        let extra = (!span.trace_state.is_empty() || !baggage.is_empty())
            .then(|| Arc::new(Extra { trace_state: span.trace_state, baggage }));
        Self {
            frame: FrameContext {
                trace_id: span.trace_id,
                span_id: span.span_id,
                flags: span.flags,
                is_remote: span.is_remote,
                extra,
                ..FrameContext::default()
            },
        }
    }

    /// Identifiers of a trace that nobody records.
    pub fn generate() -> Self {
        let (trace_id, span_id) = with_local(Local::new_identifiers).unwrap_or_default();
        Self::from_span_context(SpanContext::new(trace_id, span_id, TraceFlags::NONE))
    }

    /// A context for a remote parent.
    pub fn from_span_context(span: SpanContext) -> Self {
        Self::from_parts(span, Baggage::default())
    }

    /// What a carrier held.
    pub fn from_propagated(propagated: Propagated) -> Self {
        Self::from_parts(propagated.span.unwrap_or_default(), propagated.baggage)
    }

    /// What goes into a carrier.
    pub fn propagated(&self) -> Propagated {
        Propagated { span: self.is_valid().then(|| self.span_context()), baggage: self.baggage() }
    }

    pub(crate) fn from_frame(frame: FrameContext) -> Self {
        Self { frame }
    }

    pub(crate) fn frame(&self) -> &FrameContext {
        &self.frame
    }

    /// A foreign span inside one of ours keeps the worker, the baggage and the root of what it stands in.
    fn with_frame_of(mut self, outer: Option<&FrameContext>) -> Self {
        if let Some(outer) = outer.filter(|outer| outer.trace_id == self.frame.trace_id) {
            self.frame.worker = outer.worker;
            self.frame.recorder = outer.recorder;
            self.frame.root = outer.root.clone();
            self.frame.extra = outer.extra.clone();
        }
        self
    }

    /// The identifiers, flags and vendors' entries.
    pub fn span_context(&self) -> SpanContext {
        self.frame.span_context()
    }

    /// The trace, invalid when there is none.
    pub fn trace_id(&self) -> TraceId {
        self.frame.trace_id
    }

    /// The span, invalid when there is none.
    pub fn span_id(&self) -> SpanId {
        self.frame.span_id
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.frame.flags.is_sampled()
    }

    /// True when it names a span.
    pub fn is_valid(&self) -> bool {
        self.frame.trace_id.is_valid() && self.frame.span_id.is_valid()
    }

    /// The baggage that travels with it.
    pub fn baggage(&self) -> Baggage {
        self.frame.extra.as_ref().map_or_else(Baggage::default, |extra| extra.baggage.clone())
    }

    /// The same place with other baggage.
    #[must_use]
    pub fn with_baggage(&self, baggage: Baggage) -> Self {
        let trace_state = self.frame.span_context().trace_state;
        let extra = (!trace_state.is_empty() || !baggage.is_empty())
            .then(|| Arc::new(Extra { trace_state, baggage }));
        Self { frame: FrameContext { extra, ..self.frame.clone() } }
    }

    /// Makes it current on this thread until the guard is dropped.
    pub fn attach(&self) -> ContextGuard {
        let node = with_local(|local| local.attach(self.frame.clone()));
        guest::attach(node.as_ref());
        ContextGuard { node, hidden: None }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("trace_id", &self.frame.trace_id)
            .field("span_id", &self.frame.span_id)
            .field("flags", &self.frame.flags)
            .field("is_remote", &self.frame.is_remote)
            .finish_non_exhaustive()
    }
}

/// Ends what [`Context::attach`] or [`detach`] began. Stays on its thread.
#[must_use = "the context is current only as long as the guard lives"]
#[derive(Debug)]
pub struct ContextGuard {
    /// What is current. It can't leave its thread.
    node: Option<Rc<Node>>,
    /// What [`detach`] hides; the node is then an empty context that hides it from guests too.
    hidden: Option<Vec<Rc<Node>>>,
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        guest::detach(self.node.as_ref());
        with_local(|local| {
            if let Some(node) = self.node.take() {
                local.leave(node);
            }
            if let Some(hidden) = self.hidden.take() {
                let above = local.take_stack();
                local.resume(hidden);
                local.resume(above);
            }
        });
    }
}

/// Nothing is current until the guard is dropped: a test, or a job of its own, starts from a clean slate.
pub fn detach() -> ContextGuard {
    let hidden = with_local(Local::take_stack);
    let node = with_local(|local| local.attach(FrameContext::default()));
    guest::attach(node.as_ref());
    ContextGuard { node, hidden }
}

/// The current context; `None` when nothing is current.
pub fn current_span() -> Option<Context> {
    Some(Context::current()).filter(Context::is_valid)
}

/// Makes `span` current, or nothing when it is `None`, until the guard is dropped.
pub fn set_current_span(span: Option<&Context>) -> ContextGuard {
    span.map_or_else(detach, Context::attach)
}

/// The current trace; `None` when nothing is current.
pub fn current_trace_id() -> Option<TraceId> {
    current_identifiers().map(|(trace, _)| trace)
}

/// The current span's identifier; `None` when nothing is current.
pub fn current_span_id() -> Option<SpanId> {
    current_identifiers().map(|(_, span)| span)
}

/// One text that leads from a log line to the current span: `<trace id>-<span id>`. `None` when nothing is current.
pub fn correlation_id() -> Option<String> {
    current_identifiers().map(|(trace, span)| format!("{trace}-{span}"))
}

/// Without the cost of a shareable context.
fn current_identifiers() -> Option<(TraceId, SpanId)> {
    let native = with_local(|local| local.current().map(|node| node.identifiers())).flatten();
    let guest =
        guest::current_context(native.map(|(_, span)| span)).map(|span| (span.trace_id, span.span_id));
    guest.or(native).filter(|(trace, span)| trace.is_valid() && span.is_valid())
}
