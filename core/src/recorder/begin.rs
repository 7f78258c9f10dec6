//! How a span begins: its parent, its identifiers, whether it is recorded, and which root it belongs to.

use std::rc::Rc;
use std::sync::Arc;

use super::frame::{Detached, Extra, FrameContext, Parent, StartSpan, Worker};
use super::local::{Local, NO_ENTRY};
use super::node::{Node, Root, State};
use super::open_span::Beginning;
use super::shared::Recorder;
use crate::ids::{SpanId, TraceFlags, TraceId};

/// What a span has from its parent.
struct Inherited<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
    is_remote: bool,
    worker: Worker,
    extra: &'a Option<Arc<Extra>>,
}

impl<'a> Inherited<'a> {
    #[inline(always)]
    fn of_state(state: &'a State) -> Self {
        Self {
            trace_id: state.trace_id,
            span_id: state.span_id,
            flags: state.flags,
            is_remote: state.is_remote,
            worker: state.worker,
            extra: &state.extra,
        }
    }

    fn of_context(context: &'a FrameContext) -> Self {
        Self {
            trace_id: context.trace_id,
            span_id: context.span_id,
            flags: context.flags,
            is_remote: context.is_remote,
            worker: context.worker,
            extra: &context.extra,
        }
    }

    #[inline(always)]
    fn is_valid(&self) -> bool {
        self.trace_id.is_valid() && self.span_id.is_valid()
    }
}

impl Local {
    /// Starts a span and makes it current. True when it is recorded.
    #[inline(always)]
    pub(crate) fn open(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> (Rc<Node>, bool) {
        let node = self.next_node();
        let records = match node.state() {
            Some(mut state) => {
                let records = self.begin(&mut state, recorder, start);
                state.is_open = true;
                state.unwinding = std::thread::panicking();
                records
            }
            None => false,
        };
        self.depth += 1;
        (node, records)
    }

    /// Starts a span that belongs to no thread.
    pub(crate) fn open_detached(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> Detached {
        // The parent's root may be on this thread only; a detached span may end on any.
        let shared = match start.parent {
            Parent::Current => self.share_current(),
            _ => None,
        };
        let parent = shared.as_ref().map_or_else(|| start.parent.clone(), Parent::Given);
        let mut state = State::default();
        self.begin(&mut state, recorder, &StartSpan { parent, ..start.clone() });
        state.empty()
    }

    /// Fills a state in place. True when the span is recorded.
    #[inline(always)]
    fn begin(&mut self, state: &mut State, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> bool {
        let known_entry = self.known_entry(recorder);
        let bound = self.entries.get(known_entry as usize).map_or(Worker::NONE, |entry| entry.worker);
        let own_id = self.random.span_id();

        let (mut worker, mut parent_id, mut parent_is_remote) = (bound, SpanId::INVALID, false);
        let mut inherited = None;
        let mut inherit = |parent: &Inherited<'_>| {
            // Baggage and worker are inherited even from a context without a span.
            worker = worker.or(|| parent.worker);
            if parent.extra.is_some() {
                state.extra.clone_from(parent.extra);
            }
            if parent.is_valid() {
                (parent_id, parent_is_remote) = (parent.span_id, parent.is_remote);
                inherited = Some((parent.trace_id, flags_for_child(parent, recorder)));
            }
        };
        let mut root = Root::Itself;
        match start.parent {
            Parent::Current => {
                if let Some(current) = self.current()
                    && let Some(parent) = current.look()
                {
                    let inherited = Inherited::of_state(&parent);
                    inherit(&inherited);
                    if inherited.is_valid() {
                        root = self.root_for_child(current, &parent, recorder.id);
                    }
                }
            }
            Parent::None => {}
            Parent::Given(context) => {
                let inherited = Inherited::of_context(context);
                inherit(&inherited);
                // A parent of another tracer, or in another process, makes it a root itself.
                if inherited.is_valid() && !context.is_remote && context.recorder == recorder.id {
                    root = context.root.clone().map_or(Root::None, Root::Shared);
                }
            }
        }
        let (trace_id, flags) = match inherited {
            Some(inherited) => inherited,
            None => {
                let trace_id = self.random.trace_id();
                (trace_id, self.flags_for_root(trace_id, recorder))
            }
        };
        let worker = worker.or(|| recorder.only_worker());
        let records = flags.is_sampled() && !recorder.is_closed() && !self.suppressed;

        (state.trace_id, state.span_id, state.flags) = (trace_id, own_id, flags);
        (state.is_remote, state.worker, state.recorder) = (false, worker, recorder.id);
        state.records = records;
        if !records {
            return false;
        }
        // Who records nothing needs no lane, and no clock.
        state.entry = if known_entry == NO_ENTRY { self.entry(recorder) } else { known_entry };
        let now =
            self.entries.get_mut(state.entry as usize).map(|entry| entry.clock.now()).unwrap_or_default();
        let recording = state.recording.get_or_insert_with(|| self.spare.pop().unwrap_or_default());
        let beginning = Beginning {
            trace_id,
            span_id: own_id,
            parent: parent_id,
            parent_is_remote,
            is_local_root: matches!(root, Root::Itself),
            flags: flags.to_w3c_byte(),
            scope: start.scope,
            name: start.name,
            kind: start.kind,
            now,
            start: start.start,
        };
        recording.span.begin(recorder, &beginning);
        state.root = root;
        if let Some(extra) = &state.extra
            && !extra.trace_state.is_empty()
        {
            recording.span.set_trace_state(extra.trace_state.as_str());
        }
        if let Some(worker) = worker.number() {
            recording.span.set_worker(worker);
        }
        true
    }

    /// The root that a child of the current node belongs to. A parent of another tracer, or in another process, makes it one itself.
    #[inline(always)]
    fn root_for_child(&self, current: &Rc<Node>, parent: &State, recorder: u64) -> Root {
        if parent.is_remote || parent.recorder != recorder {
            return self.enclosing_root(parent, recorder);
        }
        root_under(current, parent)
    }

    /// Tracers can be nested in each other: a span under another tracer's belongs to its own tracer's root further out.
    #[cold]
    #[inline(never)]
    fn enclosing_root(&self, parent: &State, recorder: u64) -> Root {
        for node in self.stack().iter().rev() {
            let Some(state) = node.look() else { continue };
            let same_trace = state.trace_id == parent.trace_id && !state.is_remote;
            if state.recorder == recorder && same_trace {
                return root_under(node, &state);
            }
        }
        Root::Itself
    }

    /// The sampler's decision about a trace that starts here.
    #[inline(always)]
    fn flags_for_root(&mut self, trace_id: TraceId, recorder: &Arc<Recorder>) -> TraceFlags {
        if recorder.sampler.records(trace_id) {
            return TraceFlags::SAMPLED;
        }
        self.sampled_out.count(recorder);
        TraceFlags::NONE
    }
}

#[inline(always)]
fn root_under(node: &Rc<Node>, state: &State) -> Root {
    match &state.root {
        Root::None => Root::None,
        Root::Itself => Root::Here(Rc::clone(node)),
        Root::Here(root) => Root::Here(Rc::clone(root)),
        Root::Shared(shared) => Root::Shared(Arc::clone(shared)),
    }
}

/// The parent's decision; where a B3 caller left it to us, the sampler's.
#[inline(always)]
fn flags_for_child(parent: &Inherited<'_>, recorder: &Recorder) -> TraceFlags {
    if parent.flags.is_deferred() {
        return parent.flags.decided(recorder.sampler.records(parent.trace_id));
    }
    parent.flags
}
