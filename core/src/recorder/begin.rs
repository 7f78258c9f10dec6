//! How a span begins: its parent, its identifiers, whether it is recorded, and which root it belongs to.

use std::rc::Rc;
use std::sync::Arc;

use super::frame::{Detached, FrameContext, Parent, Recording, StartSpan};
use super::local::{Entry, Local};
use super::node::{Node, Root, Stage};
use super::open_span::Beginning;
use super::random::Random;
use super::shared::Recorder;
use crate::ids::{SpanId, TraceFlags};

impl Local {
    /// Starts a span and makes it current. True when it is recorded.
    #[inline(always)]
    pub(crate) fn open(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> (Rc<Node>, bool) {
        let node = self.next_node();
        let records = self.begin(&node, recorder, start);
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
        let node = Node::default();
        self.begin(&node, recorder, &StartSpan { parent, ..start.clone() });
        node.empty()
    }

    /// In a child of a fork: its identifiers must not be those that its parent gives out.
    pub(super) fn begin_anew(&mut self, generation: u64) {
        self.generation = generation;
        self.random = Random::new();
    }

    /// Begins in a closed node. What is known goes there at once, so that little has to be remembered on the way.
    #[inline(always)]
    fn begin(&mut self, node: &Node, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> bool {
        self.let_stand_first(recorder);
        let shared: &Recorder = recorder;
        let Self { nodes, depth, entries, random, spare, suppressed, .. } = self;
        let Some(entry) = entries.first_mut() else { return false };
        let bound = entry.worker;
        node.span_id.set(random.span_id());
        let id = shared.id;
        node.recorder.set(id);
        node.plain_for.set(id);
        node.is_remote.set(false);
        node.parent_is_remote.set(false);
        node.unwinding.set(false);
        let flags = match (&start.parent, nodes.get(depth.wrapping_sub(1))) {
            (Parent::Current, Some(current)) if current.plain_for.get() == id => {
                node.set_root(current.root_below());
                let current: &Node = current;
                node.trace_id.set(current.trace_id.get());
                node.parent.set(current.span_id.get());
                node.worker.set(bound.or(|| current.worker.get()).or(|| shared.only_worker()));
                current.flags.get()
            }
            (Parent::Current, None) | (Parent::None, _) => {
                node.worker.set(bound.or(|| shared.only_worker()));
                begin_trace(node, random, entry)
            }
            (parent, _) => inherit(node, parent, nodes.get(..*depth).unwrap_or_default(), random, entry),
        };
        node.flags.set(flags);
        if std::thread::panicking() {
            node.unwinding.set(true);
        }
        if !flags.is_sampled() || shared.is_closed() || *suppressed {
            drop(node.take_root());
            node.stage.set(Stage::Passing);
            return false;
        }

        let mut recording = match node.recording.take() {
            Some(waiting) => waiting,
            None => new_recording(spare),
        };
        let is_local_root = node.is_root();
        recording.span.begin(shared, entry.output().clock.now(), start.start);
        recording.span.write_head(&Beginning {
            trace_id: &node.trace_id,
            span_id: node.span_id.get(),
            parent: node.parent.get(),
            parent_is_remote: node.parent_is_remote.get(),
            is_local_root,
            flags: node.flags.get().to_w3c_byte(),
            scope: start.scope,
            name: start.name,
            kind: start.kind,
        });
        if node.has_extra.get() {
            write_trace_state(node, &mut recording);
        }
        if let Some(worker) = node.worker.get().number() {
            recording.span.set_worker(worker);
        }
        node.keep(recording);
        node.stage.set(Stage::Recording);
        true
    }
}

/// A root in a trace of its own, by the sampler's decision.
#[inline(always)]
fn begin_trace(node: &Node, random: &mut Random, entry: &mut Entry) -> TraceFlags {
    let trace_id = random.trace_id();
    node.trace_id.set(trace_id);
    node.parent.set(SpanId::INVALID);
    node.set_root(Root::Itself);
    entry.decide(trace_id)
}

#[cold]
#[inline(never)]
#[expect(clippy::vec_box, reason = "see where they are kept")]
pub(super) fn new_recording(spare: &mut Vec<Box<Recording>>) -> Box<Recording> {
    spare.pop().unwrap_or_default()
}

/// Takes over a context of any kind.
#[inline(never)]
fn inherit(
    node: &Node,
    parent: &Parent<'_>,
    stack: &[Rc<Node>],
    random: &mut Random,
    entry: &mut Entry,
) -> TraceFlags {
    let of_current;
    let context = match parent {
        Parent::Given(context) => Some(*context),
        Parent::Current => {
            of_current = stack.last().map(|current| current.without_root());
            of_current.as_ref()
        }
        Parent::None => None,
    };
    // Baggage and worker are inherited even from a context without a span.
    let worker = context.map_or(entry.worker, |context| entry.worker.or(|| context.worker));
    node.worker.set(worker.or(|| entry.recorder.only_worker()));
    let Some(context) = context else { return begin_trace(node, random, entry) };
    if context.extra.is_some() {
        node.set_extra(context.extra.clone());
        node.plain_for.set(0);
    }
    if !context.trace_id.is_valid() || !context.span_id.is_valid() {
        return begin_trace(node, random, entry);
    }
    node.trace_id.set(context.trace_id);
    node.parent.set(context.span_id);
    node.parent_is_remote.set(context.is_remote);
    node.set_root(match parent {
        Parent::Current => root_below_current(stack, context, entry.id),
        _ => root_below_context(context, entry.id),
    });
    entry.follow(context.flags, context.trace_id)
}

/// Tracers can be nested in each other: a span under another tracer's, or under a context that came from elsewhere,
/// belongs to its own tracer's root further out.
fn root_below_current(stack: &[Rc<Node>], parent: &FrameContext, recorder: u64) -> Root {
    let is_ours = |node: &&Rc<Node>| {
        let same_trace = node.trace_id.get() == parent.trace_id;
        node.recorder.get() == recorder && same_trace && !node.is_remote.get()
    };
    stack.iter().rev().find(is_ours).map_or(Root::Itself, |node| node.root_below())
}

/// A parent of another tracer, or in another process, makes a span a root itself.
fn root_below_context(parent: &FrameContext, recorder: u64) -> Root {
    if parent.is_remote || parent.recorder != recorder {
        return Root::Itself;
    }
    parent.root.clone().map_or(Root::None, Root::Shared)
}

#[cold]
#[inline(never)]
fn write_trace_state(node: &Node, recording: &mut Recording) {
    if let Some(extra) = node.extra()
        && !extra.trace_state.is_empty()
    {
        recording.span.set_trace_state(extra.trace_state.as_str());
    }
}
