//! One context for native scopes and OpenTelemetry spans, nested in both directions.
//!
//! With a guest installed the OpenTelemetry context is the wider one: native scopes attach themselves to it, so the
//! innermost span of either kind is always its active span.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use opentelemetry::Context as OtelContext;
use opentelemetry::trace::TraceContextExt as _;

use super::convert::{from_otel, to_otel};
use crate::context::Context;
use crate::ids::{SpanContext, SpanId, TraceId};
use crate::lock::lock;
use crate::recorder::{FrameContext, Node, Parent, SharedCapture, with_local};

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// What a native scope leaves in the OpenTelemetry context beside its identifiers.
struct NativeFrame(FrameContext);

/// By trace, with the recorder. Should two recorders have roots of one trace, the newer is found.
type Roots = HashMap<TraceId, (u64, Arc<SharedCapture>)>;

/// Open roots of guest spans, for their children's last trace: an OpenTelemetry context made by a program carries nothing of ours.
static GUEST_ROOTS: LazyLock<Mutex<Roots>> = LazyLock::new(Mutex::default);

fn guest_roots() -> MutexGuard<'static, Roots> {
    lock(&GUEST_ROOTS)
}

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
    OtelContext::map_current(|cx| {
        let active = cx.has_active_span().then(|| from_otel(cx.span().span_context()))?;
        (active.is_valid() && Some(active.span_id) != native).then_some(active)
    })
}

/// The parent of a native span when it is an OpenTelemetry one.
#[inline]
pub(crate) fn parent_for(parent: &Parent<'_>) -> Option<Context> {
    if !is_installed() || !matches!(parent, Parent::Current) {
        return None;
    }
    let native = with_local(|local| local.current().map(|node| node.identifiers().1)).flatten();
    current_context(native)?;
    Some(OtelContext::map_current(context_of))
}

/// Our context for an OpenTelemetry one: its active span, with what an enclosing native scope left in it.
pub(super) fn context_of(cx: &OtelContext) -> Context {
    let frame = cx.get::<NativeFrame>().map(|native| native.0.clone()).unwrap_or_default();
    if !cx.has_active_span() {
        // Baggage and worker hold without a span.
        let nobody = FrameContext { worker: frame.worker, extra: frame.extra, ..FrameContext::default() };
        return Context::from_frame(nobody);
    }
    let active = from_otel(cx.span().span_context());
    if frame.trace_id == active.trace_id {
        let (span_id, flags, is_remote) = (active.span_id, active.flags, active.is_remote);
        return Context::from_frame(FrameContext { span_id, flags, is_remote, ..frame });
    }
    let context = Context::from_span_context(active);
    let known = guest_roots();
    match known.get(&context.trace_id()) {
        Some((recorder, root)) if !context.frame().is_remote => Context::from_frame(FrameContext {
            recorder: *recorder,
            root: Some(Arc::clone(root)),
            ..context.frame().clone()
        }),
        _ => context,
    }
}

/// Remembers the root that a guest span is, until it ends.
pub(super) fn add_root(trace: TraceId, recorder: u64, root: Arc<SharedCapture>) {
    guest_roots().insert(trace, (recorder, root));
}

pub(super) fn remove_root(trace: TraceId, recorder: u64) {
    let mut roots = guest_roots();
    if roots.get(&trace).is_some_and(|(owner, _)| *owner == recorder) {
        roots.remove(&trace);
    }
}

/// Makes a node's context the OpenTelemetry one too.
#[inline]
pub(crate) fn attach_node(node: Option<&Rc<Node>>) {
    if is_installed()
        && let Some(node) = node
    {
        attach(Some(node), &node.share());
    }
}

/// Makes `frame` the OpenTelemetry context until the node is detached.
#[inline]
pub(crate) fn attach(node: Option<&Rc<Node>>, frame: &FrameContext) {
    if is_installed()
        && let Some(node) = node
    {
        let cx = OtelContext::current().with_value(NativeFrame(frame.clone()));
        node.set_guest(cx.with_remote_span_context(to_otel(&frame.span_context())).attach());
    }
}

/// Ends the OpenTelemetry side of a node.
#[inline]
pub(crate) fn detach(node: Option<&Rc<Node>>) {
    if is_installed() {
        // Ending it runs foreign code, so nothing of this thread's own state may be borrowed meanwhile.
        let guard = node.and_then(|node| node.take_guest());
        drop(guard);
    }
}
