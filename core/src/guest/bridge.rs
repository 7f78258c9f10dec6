//! One context for native scopes and OpenTelemetry spans, nested in both directions.
//!
//! With a guest installed the OpenTelemetry context is the wider one: native scopes attach themselves to it, so the
//! innermost span of either kind is always its active span. That costs one allocation; what else a scope's children
//! inherit is found on the thread's own stack or among the open roots, and only what is in neither goes along as a value.

use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use opentelemetry::Context as OtelContext;
use opentelemetry::trace::{self as otel, SpanRef, TraceContextExt as _};

use super::convert::{from_otel, to_otel};
use super::roots;
use crate::context::Context;
use crate::ids::{SpanContext, SpanId};
use crate::recorder::{FrameContext, Node, Parent, Recorder, with_local};

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// What a native scope or an attached context leaves in the OpenTelemetry context when identifiers don't say all.
struct NativeFrame(FrameContext);

pub(super) fn install() {
    INSTALLED.store(true, Relaxed);
}

#[inline]
pub(crate) fn is_installed() -> bool {
    INSTALLED.load(Relaxed)
}

/// The active OpenTelemetry span, unless it is the native one that stands for `native`.
#[inline]
pub(crate) fn current_context(native: Option<SpanId>) -> Option<SpanContext> {
    if !is_installed() {
        return None;
    }
    OtelContext::map_current(|cx| foreign(cx, native).map(|active| from_otel(active.span_context())))
}

/// The valid active span of a context, unless it is `native`.
#[inline]
fn foreign(cx: &OtelContext, native: Option<SpanId>) -> Option<SpanRef<'_>> {
    if !cx.has_active_span() {
        return None;
    }
    let span = cx.span();
    let active = span.span_context();
    (active.is_valid() && native.is_none_or(|native| !is(active, native))).then_some(span)
}

#[inline]
fn is(active: &otel::SpanContext, native: SpanId) -> bool {
    active.span_id().to_bytes() == native.to_bytes()
}

/// The parent of a native span when it is an OpenTelemetry one.
#[inline]
pub(crate) fn parent_for(recorder: &Recorder, parent: &Parent<'_>) -> Option<FrameContext> {
    if !is_installed() || !matches!(parent, Parent::Current) {
        return None;
    }
    let native = with_local(|local| local.current().map(|node| node.identifiers().1)).flatten();
    OtelContext::map_current(|cx| {
        foreign(cx, native).map(|active| frame_of(cx, active.span_context(), recorder))
    })
}

/// What stands for the parent of a guest's span.
pub(super) enum Around {
    Nothing,
    /// What is current natively.
    Current,
    Frame(FrameContext),
}

impl Around {
    #[inline]
    pub(super) fn as_parent(&self) -> Parent<'_> {
        match self {
            Self::Nothing => Parent::None,
            Self::Current => Parent::Current,
            Self::Frame(frame) => Parent::Given(frame),
        }
    }

    pub(super) fn into_context(self) -> Context {
        match self {
            Self::Nothing => Context::default(),
            Self::Current => Context::current(),
            Self::Frame(frame) => Context::from_frame(frame),
        }
    }
}

/// The parent of a guest's span in `cx`.
#[inline]
pub(super) fn parent_in(cx: &OtelContext, recorder: &Recorder) -> Around {
    if !cx.has_active_span() {
        // Baggage and worker hold without a span.
        return cx.get::<NativeFrame>().map_or(Around::Nothing, |NativeFrame(left)| {
            Around::Frame(FrameContext {
                worker: left.worker,
                extra: left.extra.clone(),
                ..FrameContext::default()
            })
        });
    }
    let active = cx.span();
    let active = active.span_context();
    let native = with_local(|local| local.current().map(|node| node.identifiers())).flatten();
    match native {
        Some((trace, span)) if is(active, span) && active.trace_id().to_bytes() == trace.to_bytes() => {
            Around::Current
        }
        _ => Around::Frame(frame_of(cx, active, recorder)),
    }
}

/// A place for an active span, with what it inherits: from an enclosing native scope, or from its open root.
fn frame_of(cx: &OtelContext, active: &otel::SpanContext, recorder: &Recorder) -> FrameContext {
    let active = from_otel(active);
    let left = cx.get::<NativeFrame>().map(|native| &native.0);
    let (span_id, flags, is_remote) = (active.span_id, active.flags, active.is_remote);
    if let Some(left) = left.filter(|left| left.trace_id == active.trace_id) {
        return FrameContext { span_id, flags, is_remote, ..left.clone() };
    }
    let around = with_local(|local| {
        let node = local.current().filter(|node| node.identifiers().0 == active.trace_id)?;
        Some(node.share())
    });
    if let Some(around) = around.flatten() {
        return FrameContext { span_id, flags, is_remote, ..around };
    }
    let trace = active.trace_id;
    let mut frame = Context::from_span_context(active).into_frame();
    if !is_remote && let Some((root, worker)) = roots::ask(trace, recorder.id()) {
        (frame.root, frame.worker, frame.recorder) = (Some(root), worker, recorder.id());
    }
    frame
}

/// Makes a node that opens a span the OpenTelemetry context too, and known as a root if it is one.
#[inline]
pub(crate) fn begin(node: Option<&Rc<Node>>) {
    if let Some(node) = node {
        if node.records_root() {
            let (trace, recorder, worker) = node.belongs_to();
            node.set_open_root(roots::begin(trace, recorder, worker));
        }
        attach(Some(node));
    }
}

/// Makes a node's context the OpenTelemetry one until the node is detached.
#[inline]
pub(crate) fn attach(node: Option<&Rc<Node>>) {
    if is_installed()
        && let Some(node) = node
    {
        let span = to_otel(&node.span_context());
        let cx = OtelContext::map_current(|cx| {
            if says_all(cx, node) {
                cx.with_remote_span_context(span)
            } else {
                cx.with_value(NativeFrame(node.share())).with_remote_span_context(span)
            }
        });
        node.set_guest(cx.attach());
    }
}

/// Whether children under a node in `cx` find everything that they inherit by its identifiers.
#[inline]
fn says_all(cx: &OtelContext, node: &Node) -> bool {
    let (trace, recorder, worker) = node.belongs_to();
    match cx.get::<NativeFrame>() {
        Some(left) => left.0.trace_id == trace && left.0.worker == worker && !node.has_extra(),
        None => !node.has_extra() && (!node.has_root_elsewhere() || roots::is_open(trace, recorder)),
    }
}

/// Ends the OpenTelemetry side of a node, for now or for good.
#[inline]
pub(crate) fn detach(node: Option<&Rc<Node>>) {
    if is_installed() {
        // Ending it runs foreign code, so nothing of this thread's own state may be borrowed meanwhile.
        let guard = node.and_then(|node| node.take_guest());
        drop(guard);
    }
}

/// Ends the OpenTelemetry side of a node whose span ends.
#[inline]
pub(crate) fn end(node: Option<&Rc<Node>>) {
    detach(node);
    if let Some(node) = node
        && let Some(root) = node.take_open_root()
        && let Some(elsewhere) = roots::end(root)
    {
        node.gather(elsewhere);
    }
}
