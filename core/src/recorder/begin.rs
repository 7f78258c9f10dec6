//! How a span begins: its parent, its identifiers, whether it is recorded, and which root it belongs to.

use std::rc::Rc;
use std::sync::Arc;

use super::frame::{Detached, Extra, FrameContext, Parent, Recording, StartSpan, Worker};
use super::last_trace::SharedCapture;
use super::local::Local;
use super::node::{Node, Root, Stage, Words};
use super::open_span::Beginning;
use super::random::Random;
use super::shared::Recorder;
use crate::ids::{SpanId, TraceFlags, TraceId};

/// A span that has begun.
struct Begun {
    words: Words,
    /// Of a recorded span.
    root: Root,
    extra: Option<Arc<Extra>>,
    records: bool,
    /// The recorded span, or what waited to become one.
    recording: Option<Box<Recording>>,
}

impl Local {
    /// Starts a span and makes it current. True when it is recorded.
    #[inline(always)]
    pub(crate) fn open(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> (Rc<Node>, bool) {
        let node = self.next_node();
        let begun = self.begin(node.recording.take(), recorder, start);
        node.words.set(begun.words);
        node.set_root(begun.root);
        if begun.extra.is_some() {
            node.set_extra(begun.extra);
        }
        node.stage.set(if begun.records { Stage::Recording } else { Stage::Passing });
        if let Some(recording) = begun.recording {
            node.keep(recording);
        }
        self.depth += 1;
        (node, begun.records)
    }

    /// Starts a span that belongs to no thread.
    pub(crate) fn open_detached(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> Detached {
        // The parent's root may be on this thread only; a detached span may end on any.
        let shared = match start.parent {
            Parent::Current => self.share_current(),
            _ => None,
        };
        let parent = shared.as_ref().map_or_else(|| start.parent.clone(), Parent::Given);
        let waiting = self.spare.pop();
        let mut begun = self.begin(waiting, recorder, &StartSpan { parent, ..start.clone() });
        if !begun.records {
            self.spare.extend(begun.recording.take());
        }
        let root = match (begun.root, &mut begun.recording) {
            (Root::Shared(shared), _) => Some(shared),
            (Root::Itself, Some(recording)) => {
                Some(Arc::clone(recording.shared.get_or_insert_with(|| Arc::new(SharedCapture::new()))))
            }
            _ => None,
        };
        Detached { context: begun.words.context(root, begun.extra), recording: begun.recording }
    }

    /// Starts a guest's span, whose children find its root by other means. True when it is a recorded root itself.
    #[cfg(feature = "guest")]
    pub(crate) fn open_guest(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> (Detached, bool) {
        // The parent's root may be on this thread only; a guest's span may end on any.
        if let Parent::Current = start.parent
            && let Some(parent) = self.share_current()
        {
            return self.open_guest(recorder, &start.under(&parent));
        }
        let waiting = self.spare.pop();
        let mut begun = self.begin(waiting, recorder, start);
        if !begun.records {
            self.spare.extend(begun.recording.take());
        }
        let is_root = begun.records && matches!(begun.root, Root::Itself);
        let root = if let Root::Shared(shared) = begun.root { Some(shared) } else { None };
        (Detached { context: begun.words.context(root, begun.extra), recording: begun.recording }, is_root)
    }

    #[inline(always)]
    fn begin(
        &mut self,
        waiting: Option<Box<Recording>>,
        recorder: &Arc<Recorder>,
        start: &StartSpan<'_>,
    ) -> Begun {
        if self.generation != recorder.generation() {
            self.begin_anew(recorder.generation());
        }
        let is_known = self.bring_forward(recorder);
        let mut worker = match self.entries.first() {
            Some(entry) if is_known => entry.worker,
            _ => Worker::NONE,
        };
        let span_id = self.random.span_id();
        let (mut parent_id, mut parent_is_remote, mut extra) = (SpanId::INVALID, false, None);
        let mut inherited = None;
        let mut root = Root::Itself;
        // Baggage and worker are inherited even from a context without a span.
        match start.parent {
            Parent::Current => {
                if let Some(current) = self.current() {
                    let parent = current.words.get();
                    worker = worker.or(|| parent.worker);
                    if parent.has_extra {
                        extra = current.extra();
                    }
                    if parent.trace_id.is_valid() && parent.span_id.is_valid() {
                        (parent_id, parent_is_remote) = (parent.span_id, parent.is_remote);
                        inherited =
                            Some((parent.trace_id, flags_for_child(parent.trace_id, parent.flags, recorder)));
                        root = if parent.is_remote || parent.recorder != recorder.id {
                            self.enclosing_root(parent.trace_id, recorder.id)
                        } else {
                            current.root_below()
                        };
                    }
                }
            }
            Parent::None => {}
            Parent::Given(parent) => {
                worker = worker.or(|| parent.worker);
                extra = parent.extra.clone();
                if parent.trace_id.is_valid() && parent.span_id.is_valid() {
                    (parent_id, parent_is_remote) = (parent.span_id, parent.is_remote);
                    inherited =
                        Some((parent.trace_id, flags_for_child(parent.trace_id, parent.flags, recorder)));
                    root = root_below_context(parent, recorder.id);
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
        let unwinding = std::thread::panicking();
        let (is_remote, has_extra, recorder_id) = (false, extra.is_some(), recorder.id);
        let words = Words {
            trace_id,
            span_id,
            worker,
            recorder: recorder_id,
            flags,
            is_remote,
            has_extra,
            unwinding,
        };
        if !flags.is_sampled() || recorder.is_closed() || self.suppressed {
            return Begun { words, root: Root::None, extra, records: false, recording: waiting };
        }

        // Who records nothing needs no lane, and no clock.
        if !is_known {
            self.add_entry(recorder);
        }
        let now = self.entries.first_mut().map(|entry| entry.clock.now()).unwrap_or_default();
        let mut recording = match waiting {
            Some(waiting) => waiting,
            None => self.new_recording(),
        };
        let beginning = Beginning {
            trace_id,
            span_id,
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
        if let Some(extra) = &extra
            && !extra.trace_state.is_empty()
        {
            recording.span.set_trace_state(extra.trace_state.as_str());
        }
        if let Some(worker) = worker.number() {
            recording.span.set_worker(worker);
        }
        Begun { words, root, extra, records: true, recording: Some(recording) }
    }

    /// In a child of a fork: its identifiers must not be those that its parent gives out.
    #[cold]
    #[inline(never)]
    pub(super) fn begin_anew(&mut self, generation: u64) {
        self.generation = generation;
        self.random = Random::new();
    }

    #[cold]
    #[inline(never)]
    fn new_recording(&mut self) -> Box<Recording> {
        self.spare.pop().unwrap_or_default()
    }

    /// Tracers can be nested in each other: a span under another tracer's belongs to its own tracer's root further out.
    #[cold]
    #[inline(never)]
    fn enclosing_root(&self, trace_id: TraceId, recorder: u64) -> Root {
        let is_ours = |node: &&Rc<Node>| {
            let words = node.words.get();
            words.recorder == recorder && words.trace_id == trace_id && !words.is_remote
        };
        let ours = self.stack().iter().rev().find(is_ours);
        ours.map_or(Root::Itself, |node| node.root_below())
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

/// A parent of another tracer, or in another process, makes a span a root itself.
#[inline(never)]
fn root_below_context(parent: &FrameContext, recorder: u64) -> Root {
    if parent.is_remote || parent.recorder != recorder {
        return Root::Itself;
    }
    parent.root.clone().map_or(Root::None, Root::Shared)
}

/// The parent's decision; where a B3 caller left it to us, the sampler's.
#[inline(always)]
fn flags_for_child(trace_id: TraceId, flags: TraceFlags, recorder: &Recorder) -> TraceFlags {
    if flags.is_deferred() { flags.decided(recorder.sampler.records(trace_id)) } else { flags }
}
