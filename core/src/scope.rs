//! Scopes: spans that are current on the thread that opened them and end when their guard is dropped.

use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;

use crate::context::Context;
use crate::exception::Exception;
use crate::guest;
use crate::ids::{SpanContext, SpanId, TraceId};
use crate::options::SpanOptions;
use crate::recorder::{Node, OpenSpan, Recorder, Recording, StartSpan, with_local};
use crate::span::Trace;
use crate::span_methods::span_methods;

/// A span that is current until this guard is dropped, also by an early return or a panic (which makes it an error).
///
/// Stays on its thread; for work that moves, see [`Span`](crate::manual::Span) and
/// [`TraceFuture`](crate::future::TraceFuture).
#[must_use = "the span ends when the scope is dropped"]
#[derive(Debug)]
pub struct Scope {
    place: Place,
}

/// What a scope has on the stack. None of it can leave its thread.
#[derive(Debug)]
enum Place {
    /// Nothing: it leaves the current context as it is.
    None,
    /// A context without a recorded span.
    Passing(Rc<Node>),
    Recording(Rc<Node>),
}

impl Scope {
    /// A scope that records nothing and leaves the current context as it is. Its identifiers are the parent's, or zeros.
    pub const fn noop() -> Self {
        Self { place: Place::None }
    }

    /// A scope of the tracer whose scope is innermost on this thread; `None` when there is none.
    pub fn beside_current(options: &SpanOptions<'_>) -> Option<Self> {
        let recorder = with_local(|local| local.current_recorder()).flatten()?;
        Some(Self::start(&recorder, &options.to_start()))
    }

    /// A scope that records nothing and makes `context` current, so that it is passed on.
    pub fn passing_on(context: &Context) -> Self {
        let node = with_local(|local| local.attach(context.frame().clone()));
        guest::attach(node.as_ref());
        Self { place: node.map_or(Place::None, Place::Passing) }
    }

    /// Under what is current, with nothing but a name: what nearly all scopes are.
    #[inline(never)]
    pub(crate) fn named(recorder: &Arc<Recorder>, name: &str) -> Self {
        let Some(recorder) = recorder.here() else { return Self::noop() };
        if guest::is_installed() {
            return Self::opened(guest::open(recorder, &StartSpan::named(name)));
        }
        Self::opened(with_local(|local| local.open(recorder, &StartSpan::named(name))))
    }

    #[inline(never)]
    pub(crate) fn start(recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> Self {
        let Some(recorder) = recorder.here() else { return Self::noop() };
        if guest::is_installed() {
            return Self::opened(guest::open(recorder, start));
        }
        Self::opened(with_local(|local| local.open(recorder, start)))
    }

    #[inline(always)]
    fn opened(opened: Option<(Rc<Node>, bool)>) -> Self {
        match opened {
            Some((node, true)) => Self { place: Place::Recording(node) },
            Some((node, false)) => Self { place: Place::Passing(node) },
            None => Self::noop(),
        }
    }

    fn node(&self) -> Option<&Rc<Node>> {
        match &self.place {
            Place::None => None,
            Place::Passing(node) | Place::Recording(node) => Some(node),
        }
    }

    #[inline(always)]
    fn take_node(&mut self) -> Option<Rc<Node>> {
        match std::mem::replace(&mut self.place, Place::None) {
            Place::None => None,
            Place::Passing(node) | Place::Recording(node) => Some(node),
        }
    }

    /// Shows the innermost scope of this thread to `edit`, without ending it; one that records nothing when there is none.
    pub fn with_current<R>(edit: impl FnOnce(&Scope) -> R) -> R {
        let place = match with_local(|local| local.current().cloned()).flatten() {
            None => Place::None,
            Some(node) if node.records() => Place::Recording(node),
            Some(node) => Place::Passing(node),
        };
        // Somebody else's: it is to be edited and not ended.
        let mut borrowed = ManuallyDrop::new(Self { place });
        let result = edit(&borrowed);
        borrowed.take_node();
        result
    }

    /// Whether what is set on it goes anywhere: false when sampled out, under `noop`, after teardown.
    #[inline]
    pub fn is_recording(&self) -> bool {
        matches!(self.place, Place::Recording(_))
    }

    #[inline(always)]
    fn is_inert(&self) -> bool {
        !self.is_recording()
    }

    #[inline(always)]
    fn edit(&self, change: impl FnOnce(&mut OpenSpan)) {
        if let Place::Recording(node) = &self.place {
            node.edit(change);
        }
    }

    #[inline(always)]
    fn take_recording(&self) -> Option<Box<Recording>> {
        match &self.place {
            Place::Recording(node) => node.take_recording(),
            _ => None,
        }
    }

    #[inline(always)]
    fn keep_recording(&self, recording: Box<Recording>) {
        if let Place::Recording(node) = &self.place {
            node.keep(recording);
        }
    }

    span_methods!(&);

    /// Its own place, or the current one when it has none.
    fn place(&self) -> Option<Rc<Node>> {
        self.node().cloned().or_else(|| with_local(|local| local.current().cloned()).flatten())
    }

    /// The trace; zeros for `noop` without a parent.
    pub fn trace_id(&self) -> TraceId {
        self.place().map(|node| node.identifiers().0).unwrap_or_default()
    }

    /// The span; zeros for `noop` without a parent.
    pub fn span_id(&self) -> SpanId {
        self.place().map(|node| node.identifiers().1).unwrap_or_default()
    }

    /// Identifiers, flags and vendors' entries.
    pub fn span_context(&self) -> SpanContext {
        self.place().map(|node| node.span_context()).unwrap_or_default()
    }

    /// As a parent for other threads and tasks.
    pub fn context(&self) -> Context {
        self.node().map_or_else(Context::current, |node| Context::from_frame(node.share()))
    }

    /// The span so far as JSON: identifiers, name, kind, start, attributes, events, status. Only identifiers when it is not recorded.
    pub fn to_json(&self) -> serde_json::Value {
        let span = self.node().and_then(|node| node.snapshot());
        crate::json::span_to_json(&span.unwrap_or_default().with_context(self.span_context()))
    }

    /// Ends it now and returns the trace that ended with it: all of it for a root, nothing for an inner scope.
    pub fn finish(mut self) -> Trace {
        let Some(node) = self.take_node() else { return Trace::default() };
        guest::end(Some(&node));
        let ended = with_local(|local| local.close_root(node)).flatten();
        ended.map_or_else(Trace::default, |(recorder, capture)| recorder.decode(&capture))
    }
}

#[inline(never)]
fn close(node: Rc<Node>) {
    if std::thread::panicking() {
        record_unwinding(&node);
    }
    if guest::is_installed() {
        guest::end(Some(&node));
    }
    with_local(|local| local.close(node));
}

/// What unwinding ends, other than by a scope that some destructor opened meanwhile, is an error.
#[cold]
#[inline(never)]
fn record_unwinding(node: &Node) {
    if node.records() && !node.opened_while_unwinding() {
        node.edit(|span| Exception::of_unwinding().record(span));
    }
}

impl Drop for Scope {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(node) = self.take_node() {
            close(node);
        }
    }
}
