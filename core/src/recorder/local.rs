//! One thread's open spans and current context: a stack of nodes, and beyond its top those that wait to be used again.
//!
//! Everything here is reached through one thread-local and touches nothing shared until a span ends. Guards own their
//! nodes, so that use after close is impossible and closing out of order is safe.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use tracer_factory_ring::{Producer, fork};

use super::clock::ThreadClock;
use super::frame::{Detached, FrameContext, Recording, Worker};
use super::lanes::ThreadShare;
use super::node::Node;
use super::random::Random;
use super::shared::Recorder;
use crate::ids::{SpanId, TraceFlags, TraceId};

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local::new());
}

/// Runs `f` on this thread's state. `None` while the thread is ending, or inside another call.
#[inline(always)]
pub(crate) fn with_local<R>(f: impl FnOnce(&mut Local) -> R) -> Option<R> {
    LOCAL.try_with(|local| local.try_borrow_mut().ok().map(|mut local| f(&mut local))).ok().flatten()
}

/// Spans that start on this thread from now on are not recorded: delivery must not trace itself.
pub(crate) fn suppress_this_thread() {
    with_local(|local| local.suppressed = true);
}

/// One tracer as this thread knows it.
pub(super) struct Entry {
    /// The recorder's number.
    pub(super) id: u64,
    pub(super) recorder: Arc<Recorder>,
    pub(super) worker: Worker,
    /// Present once a span was recorded: who records nothing needs none.
    pub(super) output: Option<Output>,
    /// Traces that this thread left out; counted by it alone, read by whoever asks.
    sampled_out: Option<Arc<AtomicU64>>,
}

/// Where the spans of one thread and tracer go, and the clock that they go by.
pub(super) struct Output {
    pub(super) producer: Producer,
    pub(super) share: Arc<ThreadShare>,
    pub(super) clock: ThreadClock,
    /// Where the lane was released up to when it was last waited for in vain.
    pub(super) gave_up_at: Option<u64>,
}

impl Entry {
    #[inline(always)]
    fn count_sampled_out(&mut self) {
        let count = self.sampled_out.get_or_insert_with(|| self.recorder.new_sampled_out_counter());
        count.store(count.load(Relaxed) + 1, Relaxed);
    }

    /// The sampler's decision on a new trace.
    #[inline(always)]
    pub(super) fn decide(&mut self, trace_id: TraceId) -> TraceFlags {
        if self.recorder.sampler.records(trace_id) {
            return TraceFlags::SAMPLED;
        }
        self.count_sampled_out();
        TraceFlags::NONE
    }

    /// A parent's decision; where a B3 caller left it to us, the sampler's.
    #[inline]
    pub(super) fn follow(&self, parent: TraceFlags, trace_id: TraceId) -> TraceFlags {
        if parent.is_deferred() { parent.decided(self.recorder.sampler.records(trace_id)) } else { parent }
    }

    #[inline(always)]
    pub(super) fn output(&mut self) -> &mut Output {
        self.output.get_or_insert_with(|| Output::new(&self.recorder))
    }
}

impl Output {
    #[cold]
    #[inline(never)]
    fn new(recorder: &Recorder) -> Self {
        let share = Arc::new(ThreadShare::default());
        let producer = recorder.new_lane(&share);
        Self { producer, share, clock: ThreadClock::new(), gave_up_at: None }
    }
}

/// Scopes that a future holds open while it is not polled, kept on the thread that its guards can't leave.
#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
pub(crate) struct Parked(u64);

/// One thread's state.
pub(crate) struct Local {
    /// The nodes that are current, the innermost last, and then those that wait.
    pub(super) nodes: Vec<Rc<Node>>,
    /// How many are current.
    pub(super) depth: usize,
    parked: HashMap<Parked, Vec<Rc<Node>>>,
    next_parked: u64,
    /// Recordings that left their nodes, kept for reuse. Boxed, because a recording moves into and out of nodes and is
    /// larger than it is worth to copy.
    #[expect(clippy::vec_box)]
    pub(super) spare: Vec<Box<Recording>>,
    /// The tracers that this thread records for, the one that was used last standing first.
    pub(super) entries: Vec<Entry>,
    pub(super) random: Random,
    /// The process that the identifiers are for.
    pub(super) generation: u64,
    pub(super) suppressed: bool,
}

impl Local {
    /// Nodes, and recordings, kept for reuse.
    pub(super) const POOL: usize = 64;

    fn new() -> Self {
        Self {
            nodes: Vec::new(),
            depth: 0,
            parked: HashMap::new(),
            next_parked: 0,
            spare: Vec::new(),
            entries: Vec::new(),
            random: Random::new(),
            generation: 0,
            suppressed: false,
        }
    }

    /// Identifiers that nobody else has.
    pub(crate) fn new_identifiers(&mut self) -> (TraceId, SpanId) {
        let here = fork::generation();
        if self.generation != here {
            self.begin_anew(here);
        }
        (self.random.trace_id(), self.random.span_id())
    }

    /// The entry of `recorder`, which stands first from now on.
    #[inline(always)]
    pub(super) fn entry(&mut self, recorder: &Arc<Recorder>) -> Option<&mut Entry> {
        self.let_stand_first(recorder);
        self.entries.first_mut()
    }

    #[inline(always)]
    pub(super) fn let_stand_first(&mut self, recorder: &Arc<Recorder>) {
        let is_first = self.entries.first().is_some_and(|first| Arc::ptr_eq(&first.recorder, recorder));
        if !is_first {
            self.let_another_stand_first(recorder);
        }
    }

    /// In a child of a fork its recorders are others, so the first to be used comes here.
    #[cold]
    #[inline(never)]
    fn let_another_stand_first(&mut self, recorder: &Arc<Recorder>) {
        if self.generation != recorder.generation() {
            self.begin_anew(recorder.generation());
        }
        if !self.bring_forward(recorder.id) {
            self.add_entry(recorder);
        }
    }

    /// The entry of a recorder whose number this is, while it has one.
    #[inline(always)]
    pub(super) fn entry_of(&mut self, recorder: u64) -> Option<&mut Entry> {
        let is_first = self.entries.first().is_some_and(|first| first.id == recorder);
        if is_first || self.bring_forward(recorder) { self.entries.first_mut() } else { None }
    }

    /// Lets an entry stand first; false when there is none.
    #[inline(never)]
    fn bring_forward(&mut self, recorder: u64) -> bool {
        let at = self.entries.iter().position(|entry| entry.id == recorder);
        if let Some(at) = at {
            self.entries.swap(0, at);
        }
        at.is_some()
    }

    #[cold]
    #[inline(never)]
    fn add_entry(&mut self, recorder: &Arc<Recorder>) {
        // A tracer that is gone gives its place away; what it has open here knows itself late by its number.
        self.entries.retain(|old| !old.recorder.is_closed());
        let (id, recorder) = (recorder.id, Arc::clone(recorder));
        let entry = Entry { id, recorder, worker: Worker::NONE, output: None, sampled_out: None };
        self.entries.insert(0, entry);
    }

    /// Binds this thread to a worker of `recorder`, or to none.
    pub(crate) fn bind_worker(&mut self, recorder: &Arc<Recorder>, worker: Option<i64>) {
        if let Some(entry) = self.entry(recorder) {
            entry.worker = worker.map_or(Worker::NONE, Worker::new);
        }
    }

    /// The worker this thread is bound to.
    pub(crate) fn bound_worker(&self, recorder: &Recorder) -> Option<i64> {
        self.entries.iter().find(|entry| entry.id == recorder.id).and_then(|entry| entry.worker.number())
    }

    /// The nodes that are current, the innermost last.
    pub(super) fn stack(&self) -> &[Rc<Node>] {
        self.nodes.get(..self.depth).unwrap_or_default()
    }

    /// The innermost current node.
    #[inline(always)]
    pub(crate) fn current(&self) -> Option<&Rc<Node>> {
        self.nodes.get(self.depth.wrapping_sub(1))
    }

    /// The tracer of the innermost node that has one, be it a scope's or an attached context's.
    pub(crate) fn current_recorder(&self) -> Option<Arc<Recorder>> {
        let recorder_of = |node: &Rc<Node>| node.recorder.get();
        let id = self.stack().iter().rev().map(recorder_of).find(|id| *id != 0)?;
        let here = self.entries.iter().find(|entry| entry.id == id);
        here.map(|entry| Arc::clone(&entry.recorder)).or_else(|| Recorder::by_id(id))
    }

    /// The innermost current context, in a form that other threads can be given.
    pub(crate) fn share_current(&self) -> Option<FrameContext> {
        self.current().map(|node| node.share())
    }

    /// The node that becomes the innermost one when `depth` grows.
    #[inline(always)]
    pub(super) fn next_node(&mut self) -> Rc<Node> {
        match self.nodes.get(self.depth) {
            Some(node) => Rc::clone(node),
            None => self.add_node(),
        }
    }

    #[cold]
    #[inline(never)]
    fn add_node(&mut self) -> Rc<Node> {
        let node = Rc::new(Node::default());
        self.nodes.push(Rc::clone(&node));
        node
    }

    /// Makes a detached span, or a context without one, current on this thread until [`Local::leave`].
    pub(crate) fn enter(&mut self, detached: Detached) -> Rc<Node> {
        let node = self.next_node();
        // What waits there for a span of its own must not be lost to one that brings its own.
        let waiting = node.fill(detached).filter(|_| self.spare.len() < Self::POOL);
        self.spare.extend(waiting);
        self.depth += 1;
        node
    }

    /// Makes a context current without a span.
    pub(crate) fn attach(&mut self, context: FrameContext) -> Rc<Node> {
        self.enter(Detached { context, recording: None })
    }

    /// Takes a node off the stack, from wherever in it, and what is in it out of it.
    pub(crate) fn leave(&mut self, node: Rc<Node>) -> Detached {
        let detached = node.empty();
        self.unstack(node);
        detached
    }

    /// Takes a closed node off the stack.
    #[inline(always)]
    pub(super) fn unstack(&mut self, node: Rc<Node>) {
        let top = self.depth.wrapping_sub(1);
        // The stack and its guard have one each.
        if self.nodes.get(top).is_some_and(|innermost| Rc::ptr_eq(innermost, &node))
            && Rc::strong_count(&node) == 2
            && self.nodes.len() - top <= Self::POOL
        {
            self.depth = top;
            return;
        }
        self.unstack_unusual(node);
    }

    /// From wherever it is in the stack, or not at all when it is put away.
    #[cold]
    #[inline(never)]
    fn unstack_unusual(&mut self, node: Rc<Node>) {
        let Some(at) = self.stack().iter().rposition(|held| Rc::ptr_eq(held, &node)) else { return };
        self.depth -= 1;
        let held = self.nodes.remove(at);
        if Rc::strong_count(&node) == 2 && self.nodes.len() - self.depth < Self::POOL {
            self.nodes.push(held);
        }
    }

    /// Takes the whole stack away: nothing is current until it is given back.
    pub(crate) fn take_stack(&mut self) -> Vec<Rc<Node>> {
        let stack = self.nodes.drain(..self.depth).collect();
        self.depth = 0;
        stack
    }

    /// Puts nodes back on top, but for those that were closed meanwhile.
    pub(crate) fn resume(&mut self, nodes: Vec<Rc<Node>>) {
        let open = nodes.into_iter().filter(|node| node.is_open());
        let (waiting, before) = (self.nodes.split_off(self.depth), self.nodes.len());
        self.nodes.extend(open);
        self.depth += self.nodes.len() - before;
        self.nodes.extend(waiting);
    }

    /// Keeps nodes of a future for its next poll.
    pub(crate) fn park(&mut self, nodes: Vec<Rc<Node>>) -> Option<Parked> {
        if nodes.is_empty() {
            return None;
        }
        self.next_parked += 1;
        let key = Parked(self.next_parked);
        self.parked.insert(key, nodes);
        Some(key)
    }

    /// Gives them back. None on any thread but the one that has them.
    pub(crate) fn unpark(&mut self, key: Option<Parked>) -> Vec<Rc<Node>> {
        key.and_then(|key| self.parked.remove(&key)).unwrap_or_default()
    }
}
