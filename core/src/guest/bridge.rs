//! One context for native scopes and OpenTelemetry spans, nested in both directions.
//!
//! With a guest installed the OpenTelemetry context is the wider one: native scopes attach themselves to it, so the
//! innermost span of either kind is always its active span. That costs one allocation; what else a scope's children
//! inherit is found on the thread's own stack or among the open roots, and only what is in neither goes along as a value.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use opentelemetry::Context as OtelContext;
use opentelemetry::trace::{self as otel, SpanRef, TraceContextExt as _};

use super::convert::{from_otel, to_otel};
use super::roots;
use crate::ids::{SpanContext, SpanId};
use crate::recorder::{Extra, FrameContext, Local, Node, Parent, Recorder, StartSpan, with_local};

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
    OtelContext::map_current(|cx| with_local(|local| foreign_parent(cx, local, recorder))).flatten()
}

#[inline(always)]
fn foreign_parent(cx: &OtelContext, local: &Local, recorder: &Recorder) -> Option<FrameContext> {
    let native = local.current().map(|node| node.identifiers().1);
    foreign(cx, native).map(|active| frame_of(cx, active.span_context(), local, recorder))
}

/// Opens a scope where guests are installed: under whatever is innermost, and then the innermost for guests too. Each
/// thread-local is visited once, and once more to attach.
pub(crate) fn open(recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> Option<(Rc<Node>, bool)> {
    let (opened, cx) = OtelContext::map_current(|cx| {
        let opened = with_local(|local| {
            let foreign = match start.parent {
                Parent::Current => foreign_parent(cx, local, recorder),
                _ => None,
            };
            let under = foreign.as_ref().map(|parent| start.under(parent));
            local.open(recorder, under.as_ref().unwrap_or(start))
        })?;
        let node = &opened.0;
        if node.records_root() {
            let (trace, recorder, worker) = node.belongs_to();
            node.set_open_root(roots::begin(trace, recorder, worker));
        }
        let inner = around(cx, node);
        Some((opened, inner))
    })?;
    opened.0.set_guest(cx.attach());
    Some(opened)
}

/// What a guest's span in `cx` is under; `None` for nothing.
#[inline(always)]
pub(super) fn parent_in(cx: &OtelContext, recorder: &Recorder) -> Option<FrameContext> {
    if cx.has_active_span() {
        return with_local(|local| active_in(cx, local, recorder));
    }
    // Baggage and worker hold without a span.
    cx.get::<NativeFrame>().map(|NativeFrame(left)| FrameContext {
        worker: left.worker,
        extra: left.extra.clone(),
        ..FrameContext::default()
    })
}

#[inline(never)]
fn active_in(cx: &OtelContext, local: &Local, recorder: &Recorder) -> FrameContext {
    let active = cx.span();
    let active = active.span_context();
    if let Some(current) = local.current() {
        let (trace, span) = current.identifiers();
        if is(active, span) && active.trace_id().to_bytes() == trace.to_bytes() {
            return current.share();
        }
    }
    frame_of(cx, active, local, recorder)
}

/// A place for an active span, with what it inherits: from an enclosing native scope, or from its open root.
#[inline]
fn frame_of(
    cx: &OtelContext,
    active: &otel::SpanContext,
    local: &Local,
    recorder: &Recorder,
) -> FrameContext {
    let SpanContext { trace_id, span_id, flags, trace_state, is_remote } = from_otel(active);
    let left = cx.get::<NativeFrame>().map(|native| &native.0);
    if let Some(left) = left.filter(|left| left.trace_id == trace_id) {
        return FrameContext { span_id, flags, is_remote, ..left.clone() };
    }
    if let Some(node) = local.current().filter(|node| node.identifiers().0 == trace_id) {
        return FrameContext { span_id, flags, is_remote, ..node.share() };
    }
    let mut frame = FrameContext { trace_id, span_id, flags, is_remote, ..FrameContext::default() };
    if !trace_state.is_empty() {
        frame.extra = Some(Arc::new(Extra { trace_state, ..Extra::default() }));
    }
    if !is_remote && let Some((root, worker)) = roots::ask(trace_id, recorder.id()) {
        (frame.root, frame.worker, frame.recorder) = (Some(root), worker, recorder.id());
    }
    frame
}

/// Makes a node's context the OpenTelemetry one until the node is detached.
#[inline]
pub(crate) fn attach(node: Option<&Rc<Node>>) {
    if is_installed()
        && let Some(node) = node
    {
        node.set_guest(OtelContext::map_current(|cx| around(cx, node)).attach());
    }
}

/// A node's context inside `cx`.
#[inline]
fn around(cx: &OtelContext, node: &Node) -> OtelContext {
    let span = to_otel(&node.span_context());
    if says_all(cx, node) {
        cx.with_remote_span_context(span)
    } else {
        cx.with_value(NativeFrame(node.share())).with_remote_span_context(span)
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
