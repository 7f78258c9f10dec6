//! One thread's open spans and current context: a slab of slots and a stack of the slots that are current.
//!
//! Everything here is reached through one thread-local and touches nothing shared until a span ends.
//! A guard holds a slot's number and generation, so that use after close and closing out of order are safe.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tracer_factory_ring::{Producer, Push, RecordHeader, lane};

use super::lanes::ThreadShare;
use super::last_trace::{Capture, SharedCapture};
use super::open_span::{Identity, OpenSpan};
use super::{Random, Recorder, now};
use crate::config::Limits;
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use crate::propagation::{Baggage, TraceState};
use crate::span::SpanKind;

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local::new());
    static SUPPRESSED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` on this thread's state. `None` while the thread is ending, or inside another call.
#[inline]
pub(crate) fn with_local<R>(f: impl FnOnce(&mut Local) -> R) -> Option<R> {
    LOCAL.try_with(|local| local.try_borrow_mut().ok().map(|mut local| f(&mut local))).ok().flatten()
}

/// Spans that start on this thread from now on are not recorded: delivery must not trace itself.
pub(crate) fn suppress_this_thread() {
    SUPPRESSED.set(true);
}

/// A slot as a guard remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotRef {
    index: u32,
    generation: u32,
}

impl SlotRef {
    /// A slot that never exists.
    pub(crate) const NONE: Self = Self { index: u32::MAX, generation: 0 };
}

/// The context that a slot stands for while it is on the stack. It can move to another thread once `shared`.
#[derive(Debug, Clone, Default)]
pub(crate) struct FrameContext {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) is_remote: bool,
    pub(crate) worker: Option<i64>,
    pub(crate) recorder: u64,
    pub(crate) root: Root,
    /// Present only when there is something in it, since nearly always there is not.
    pub(crate) extra: Option<Arc<Extra>>,
}

/// The parts of a context that most do not have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    pub(crate) trace_state: TraceState,
    pub(crate) baggage: Baggage,
}

/// Where the last trace of a span's root is gathered.
#[derive(Debug, Clone, Default)]
pub(crate) enum Root {
    /// Nobody gathers.
    #[default]
    None,
    /// The root is open on this thread.
    Here(SlotRefOrSelf),
    /// The root is or was open elsewhere.
    Shared(Arc<SharedCapture>),
}

/// A root's own slot is known only once it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotRefOrSelf {
    Itself,
    Slot(SlotRef),
}

impl FrameContext {
    pub(crate) fn span_context(&self) -> SpanContext {
        SpanContext {
            trace_id: self.trace_id,
            span_id: self.span_id,
            flags: self.flags,
            trace_state: self.trace_state(),
            is_remote: self.is_remote,
        }
    }

    fn trace_state(&self) -> TraceState {
        self.extra.as_ref().map_or_else(TraceState::default, |extra| extra.trace_state.clone())
    }
}

/// A span that is being recorded, with everything that moves when it does.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) span: OpenSpan,
    identity: Identity,
    /// For a local root: the records of spans that ended under it on its own thread.
    capture: Capture,
    /// For a local root that other threads can reach.
    pub(crate) shared: Option<Arc<SharedCapture>>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    /// Index of the tracer's entry.
    entry: u32,
    context: FrameContext,
    /// Whether the thread was unwinding already when it was opened.
    unwinding: bool,
    /// `None` for a context without a recorded span: sampled out, or attached.
    recording: Option<Box<Recording>>,
    #[cfg(feature = "guest")]
    guest: Option<opentelemetry::ContextGuard>,
}

/// One tracer as this thread records for it.
struct Entry {
    recorder: Arc<Recorder>,
    producer: Producer,
    share: Arc<ThreadShare>,
    worker: Option<i64>,
    open: u32,
}

/// A span taken off its thread: what a manual span and a future hold between polls.
#[derive(Debug)]
pub(crate) struct Detached {
    pub(crate) context: FrameContext,
    pub(crate) recording: Option<Box<Recording>>,
}

/// What a new span's parent is.
#[derive(Debug, Clone)]
pub(crate) enum Parent<'a> {
    /// Whatever is current.
    Current,
    /// None: a new trace.
    None,
    /// This context.
    Given(&'a FrameContext),
}

/// What starts a span.
#[derive(Debug, Clone)]
pub(crate) struct StartSpan<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: SpanKind,
    pub(crate) parent: Parent<'a>,
    pub(crate) start: Option<u64>,
    pub(crate) scope: u16,
}

/// OpenTelemetry's guards panic once its own thread-local is gone, which may be before ours: a scope that was leaked
/// must not abort the process when its thread ends.
#[cfg(feature = "guest")]
impl Drop for Local {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            std::mem::forget(slot.guest.take());
        }
    }
}

impl StartSpan<'_> {
    /// The same under another parent.
    pub(crate) fn under<'b>(&'b self, parent: &'b FrameContext) -> StartSpan<'b> {
        StartSpan { parent: Parent::Given(parent), ..*self }
    }
}

impl Detached {
    /// The context, as other threads can be given it.
    pub(crate) fn shared_context(&self) -> FrameContext {
        let mut context = self.context.clone();
        if let Root::Here(_) = context.root {
            let shared = self.recording.as_ref().and_then(|recording| recording.shared.clone());
            context.root = shared.map_or(Root::None, Root::Shared);
        }
        context
    }
}

/// One thread's state.
pub(crate) struct Local {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Indices of the slots that are current, the innermost last.
    stack: Vec<u32>,
    /// Boxed, because a recording moves into and out of slots and is larger than it is worth to copy.
    #[expect(clippy::vec_box)]
    pool: Vec<Box<Recording>>,
    entries: Vec<Entry>,
    random: Random,
}

impl Local {
    /// Recordings kept for reuse.
    const POOL: usize = 64;

    fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            stack: Vec::new(),
            pool: Vec::new(),
            entries: Vec::new(),
            random: Random::new(),
        }
    }

    /// Identifiers that nobody else has.
    pub(crate) fn new_identifiers(&mut self) -> (TraceId, SpanId) {
        (self.random.trace_id(), self.random.span_id())
    }

    /// The entry of `recorder`, made at this thread's first span for it.
    #[inline]
    fn entry(&mut self, recorder: &Arc<Recorder>) -> u32 {
        match self.entries.iter().position(|entry| Arc::ptr_eq(&entry.recorder, recorder)) {
            Some(at) => at as u32,
            None => self.add_entry(recorder),
        }
    }

    #[cold]
    fn add_entry(&mut self, recorder: &Arc<Recorder>) -> u32 {
        let (producer, consumer) = lane(recorder.lane_bytes);
        let share = Arc::new(ThreadShare::default());
        recorder.lanes().register(consumer, Arc::clone(&share));
        let entry = Entry { recorder: Arc::clone(recorder), producer, share, worker: None, open: 0 };
        // A tracer that is gone and has nothing open here gives its place away.
        match self.entries.iter().position(|old| old.open == 0 && old.recorder.is_closed()) {
            Some(at) => {
                self.entries[at] = entry;
                at as u32
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        }
    }

    /// Binds this thread to a worker of `recorder`, or to none.
    pub(crate) fn bind_worker(&mut self, recorder: &Arc<Recorder>, worker: Option<i64>) {
        let at = self.entry(recorder) as usize;
        self.entries[at].worker = worker;
    }

    /// The worker this thread is bound to.
    pub(crate) fn bound_worker(&self, recorder: &Recorder) -> Option<i64> {
        self.entries.iter().find(|entry| entry.recorder.id == recorder.id).and_then(|entry| entry.worker)
    }

    /// The innermost current context.
    #[inline]
    pub(crate) fn current(&self) -> Option<&FrameContext> {
        self.stack.last().map(|at| &self.slots[*at as usize].context)
    }

    /// The slot of the innermost current context.
    pub(crate) fn current_slot(&self) -> Option<SlotRef> {
        self.stack.last().map(|at| SlotRef { index: *at, generation: self.slots[*at as usize].generation })
    }

    /// The tracer of the innermost slot that has one, be it a scope's or an attached context's.
    pub(crate) fn current_recorder(&self) -> Option<Arc<Recorder>> {
        let id = self
            .stack
            .iter()
            .rev()
            .map(|at| self.slots[*at as usize].context.recorder)
            .find(|id| *id != 0)?;
        let here = self.entries.iter().find(|entry| entry.recorder.id == id);
        here.map(|entry| Arc::clone(&entry.recorder)).or_else(|| Recorder::by_id(id))
    }

    /// The innermost current context, in a form that other threads can be given.
    pub(crate) fn share_current(&mut self) -> Option<FrameContext> {
        let slot = self.current_slot()?;
        Some(self.share(slot.index))
    }

    /// A slot's context, in a form that other threads can be given.
    fn share(&mut self, index: u32) -> FrameContext {
        let mut context = self.slots[index as usize].context.clone();
        context.root = match context.root {
            Root::Here(SlotRefOrSelf::Itself) => self.share_root(index),
            Root::Here(SlotRefOrSelf::Slot(root)) if self.is_live(root) => self.share_root(root.index),
            Root::Here(SlotRefOrSelf::Slot(_)) => Root::None,
            other => other,
        };
        context
    }

    fn share_root(&mut self, index: u32) -> Root {
        let slot = &mut self.slots[index as usize];
        slot.recording.as_mut().map_or(Root::None, |recording| {
            let shared = recording.shared.get_or_insert_with(|| Arc::new(SharedCapture::new()));
            Root::Shared(Arc::clone(shared))
        })
    }

    fn is_live(&self, slot: SlotRef) -> bool {
        self.slots.get(slot.index as usize).is_some_and(|s| s.generation == slot.generation)
    }

    /// Whether a slot was opened by a destructor that a panic runs.
    pub(crate) fn opened_while_unwinding(&self, slot: SlotRef) -> bool {
        self.is_live(slot) && self.slots[slot.index as usize].unwinding
    }

    /// The recorded span in a slot, with its tracer's limits.
    #[inline]
    pub(crate) fn recording(&mut self, slot: SlotRef) -> Option<(&mut OpenSpan, &Limits)> {
        let held = self.slots.get_mut(slot.index as usize).filter(|s| s.generation == slot.generation)?;
        let entry = held.entry as usize;
        held.recording.as_mut().map(|recording| (&mut recording.span, &self.entries[entry].recorder.limits))
    }

    /// The context of a slot that has not been closed.
    pub(crate) fn context_of(&self, slot: SlotRef) -> Option<&FrameContext> {
        self.slots.get(slot.index as usize).filter(|s| s.generation == slot.generation).map(|s| &s.context)
    }

    /// The same, in a form that other threads can be given.
    pub(crate) fn share_slot(&mut self, slot: SlotRef) -> Option<FrameContext> {
        self.is_live(slot).then(|| self.share(slot.index))
    }

    /// Starts a span and makes it current.
    #[inline]
    pub(crate) fn open(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> SlotRef {
        let (entry, detached) = self.begin(recorder, start);
        self.place(entry, detached)
    }

    /// Starts a span that belongs to no thread.
    pub(crate) fn open_detached(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> Detached {
        // The parent's root may be on this thread only; a detached span may end on any.
        let shared = match start.parent {
            Parent::Current => self.share_current(),
            _ => None,
        };
        let parent = shared.as_ref().map_or_else(|| start.parent.clone(), Parent::Given);
        let (_, mut detached) = self.begin(recorder, &StartSpan { parent, ..start.clone() });
        if let (Root::Here(SlotRefOrSelf::Itself), Some(recording)) =
            (&detached.context.root, &mut detached.recording)
        {
            recording.shared = Some(Arc::new(SharedCapture::new()));
        }
        detached
    }

    #[inline]
    fn begin(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> (u32, Detached) {
        let entry = self.entry(recorder);
        let mut child = FrameContext { recorder: recorder.id, ..FrameContext::default() };
        let parent = match start.parent {
            Parent::Current => self.stack.last().map(|at| &self.slots[*at as usize].context),
            Parent::None => None,
            Parent::Given(context) => Some(context),
        };
        let mut identity = Identity { scope: start.scope, ..Identity::default() };
        let known = parent.filter(|parent| parent.trace_id.is_valid() && parent.span_id.is_valid());
        match known {
            Some(parent) => {
                child.trace_id = parent.trace_id;
                child.flags = self.flags_for_child(parent, recorder);
                identity.parent = Some(parent.span_id);
                identity.parent_is_remote = parent.is_remote;
                child.root = self.root_for_child(parent, recorder.id, &start.parent);
            }
            None => {
                child.trace_id = self.random.trace_id();
                child.root = Root::Here(SlotRefOrSelf::Itself);
            }
        }
        // Baggage and worker are inherited even from a context without a span.
        child.extra = parent.and_then(|parent| parent.extra.clone());
        child.worker = self.entries[entry as usize]
            .worker
            .or_else(|| parent.and_then(|parent| parent.worker))
            .or_else(|| recorder.only_worker());
        child.span_id = self.random.span_id();
        if known.is_none() {
            let sampled = recorder.sampler.records(child.trace_id);
            child.flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::NONE };
            if !sampled {
                recorder.sampled_out.fetch_add(1, Relaxed);
            }
        }
        if !child.flags.is_sampled() || recorder.is_closed() || SUPPRESSED.get() {
            child.root = Root::None;
            return (entry, Detached { context: child, recording: None });
        }
        identity.trace_id = child.trace_id.to_bytes();
        identity.span_id = child.span_id.to_bytes();
        identity.flags = child.flags.to_w3c_byte();
        identity.is_local_root = matches!(child.root, Root::Here(SlotRefOrSelf::Itself));
        identity.trace_state = child.trace_state();
        let mut recording = self.pool.pop().unwrap_or_default();
        recording.span.begin(&identity, start.name, start.kind, start.start.unwrap_or_else(now));
        if let Some(worker) = child.worker {
            recording.span.set_own_int("worker.id", worker);
        }
        recording.identity = identity;
        (entry, Detached { context: child, recording: Some(recording) })
    }

    /// The parent's decision; where a B3 caller left it to us, the sampler's.
    #[inline]
    fn flags_for_child(&self, parent: &FrameContext, recorder: &Recorder) -> TraceFlags {
        if parent.flags.is_deferred() {
            return parent.flags.decided(recorder.sampler.records(parent.trace_id));
        }
        parent.flags
    }

    /// The root that a child of `parent` belongs to. A parent of another tracer, or in another process, makes it one itself.
    #[inline]
    fn root_for_child(&self, parent: &FrameContext, recorder: u64, given: &Parent<'_>) -> Root {
        if parent.is_remote || parent.recorder != recorder {
            return self.enclosing_root(recorder, given);
        }
        match (&parent.root, given) {
            (Root::Shared(shared), _) => Root::Shared(Arc::clone(shared)),
            (Root::Here(SlotRefOrSelf::Slot(root)), _) => self.root_in(*root),
            // The parent is the root, and the innermost current slot.
            (Root::Here(SlotRefOrSelf::Itself), Parent::Current) => {
                self.current_slot().map_or(Root::None, |slot| self.root_in(slot))
            }
            _ => Root::None,
        }
    }

    /// A root that may move to another thread is reached by its shared capture even from its own.
    #[inline]
    fn root_in(&self, root: SlotRef) -> Root {
        let held = self.slots.get(root.index as usize).filter(|s| s.generation == root.generation);
        match held.and_then(|slot| slot.recording.as_ref()).and_then(|recording| recording.shared.as_ref()) {
            Some(shared) => Root::Shared(Arc::clone(shared)),
            None => Root::Here(SlotRefOrSelf::Slot(root)),
        }
    }

    /// Tracers can be nested in each other: a span under another tracer's belongs to its own tracer's root further out.
    #[cold]
    fn enclosing_root(&self, recorder: u64, given: &Parent<'_>) -> Root {
        if let Parent::Current = given {
            for at in self.stack.iter().rev() {
                let slot = &self.slots[*at as usize];
                if slot.context.recorder == recorder && !slot.context.is_remote {
                    return match &slot.context.root {
                        Root::Here(SlotRefOrSelf::Itself) => {
                            self.root_in(SlotRef { index: *at, generation: slot.generation })
                        }
                        other => other.clone(),
                    };
                }
            }
        }
        Root::Here(SlotRefOrSelf::Itself)
    }

    #[inline]
    fn place(&mut self, entry: u32, detached: Detached) -> SlotRef {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        slot.entry = entry;
        slot.context = detached.context;
        slot.recording = detached.recording;
        slot.unwinding = std::thread::panicking();
        self.stack.push(index);
        if let Some(entry) = self.entries.get_mut(entry as usize) {
            entry.open += 1;
        }
        SlotRef { index, generation: slot.generation }
    }

    /// Makes a detached span current on this thread until [`Local::leave`].
    pub(crate) fn enter(&mut self, recorder: &Arc<Recorder>, detached: Detached) -> SlotRef {
        let entry = self.entry(recorder);
        self.place(entry, detached)
    }

    /// Makes a context current without a span.
    pub(crate) fn attach(&mut self, context: FrameContext) -> SlotRef {
        self.place(u32::MAX, Detached { context, recording: None })
    }

    /// Takes a slot off the stack, from wherever in it, and frees it.
    #[inline]
    pub(crate) fn leave(&mut self, slot: SlotRef) -> Option<Detached> {
        if !self.is_live(slot) {
            return None;
        }
        if self.stack.last() == Some(&slot.index) {
            self.stack.pop();
        } else if let Some(at) = self.stack.iter().rposition(|at| *at == slot.index) {
            self.stack.remove(at);
        }
        let held = &mut self.slots[slot.index as usize];
        held.generation = held.generation.wrapping_add(1);
        let (context, recording) = (std::mem::take(&mut held.context), held.recording.take());
        if let Some(entry) = self.entries.get_mut(held.entry as usize) {
            entry.open -= 1;
        }
        self.free.push(slot.index);
        Some(Detached { context, recording })
    }

    /// Ends the span in a slot.
    #[inline]
    pub(crate) fn close(&mut self, slot: SlotRef) {
        let Some(entry) = self.slots.get(slot.index as usize).map(|s| s.entry) else { return };
        if let Some(detached) = self.leave(slot)
            && entry != u32::MAX
        {
            self.finish(entry, detached, None);
        }
    }

    /// Ends the span in a slot; of a recorded root, also returns what was captured under it.
    pub(crate) fn close_root(&mut self, slot: SlotRef) -> Option<(Arc<Recorder>, Capture)> {
        let held = self.slots.get(slot.index as usize).filter(|s| s.generation == slot.generation)?;
        let entry = held.entry;
        let is_root =
            held.recording.is_some() && matches!(held.context.root, Root::Here(SlotRefOrSelf::Itself));
        self.close(slot);
        let ended = &self.entries[entry as usize];
        is_root.then(|| (Arc::clone(&ended.recorder), ended.share.last().capture.clone()))
    }

    /// Ends a span that was not on this thread's stack.
    pub(crate) fn close_detached(&mut self, recorder: &Arc<Recorder>, detached: Detached, end: Option<u64>) {
        let entry = self.entry(recorder);
        self.finish(entry, detached, end);
    }

    #[inline]
    fn finish(&mut self, entry: u32, detached: Detached, end: Option<u64>) {
        let Some(mut recording) = detached.recording else { return };
        let header = recording.span.finish(end.unwrap_or_else(now), &recording.identity);
        let held = &mut self.entries[entry as usize];
        if held.recorder.is_closed() {
            held.recorder.count_late();
        } else {
            Self::push(held, &header, recording.span.body());
        }
        self.capture(entry, &detached.context, &header, &mut recording);
        if self.pool.len() < Self::POOL {
            recording.span.clear();
            recording.capture.clear();
            recording.shared = None;
            self.pool.push(recording);
        }
    }

    #[inline]
    fn push(entry: &mut Entry, header: &RecordHeader, span: &[u8]) {
        match entry.producer.push(header, span) {
            Push::Taken => {}
            Push::TakenWake | Push::Refused => entry.recorder.wake(),
            Push::TooLarge => {
                entry.recorder.lanes().push_large(header, span);
                entry.recorder.wake();
            }
        }
    }

    /// Adds an ended span to the last trace of its root, or makes a root's trace the last one.
    #[inline]
    fn capture(
        &mut self,
        entry: u32,
        context: &FrameContext,
        header: &RecordHeader,
        recording: &mut Recording,
    ) {
        let cap = self.entries[entry as usize].recorder.limits.last_trace_bytes;
        match &context.root {
            Root::None => {}
            Root::Shared(shared) => shared.push(header, recording.span.body(), cap),
            Root::Here(SlotRefOrSelf::Slot(root)) => {
                let held =
                    self.slots.get_mut(root.index as usize).filter(|s| s.generation == root.generation);
                if let Some(root) = held.and_then(|slot| slot.recording.as_mut()) {
                    root.capture.push(header, recording.span.body(), cap);
                }
            }
            Root::Here(SlotRefOrSelf::Itself) => {
                if let Some(mut late) = recording.shared.take().and_then(|shared| shared.close()) {
                    recording.capture.append(&mut late, cap);
                }
                // The root itself is always kept: a last trace without its root would be no trace.
                recording.capture.push(header, recording.span.body(), usize::MAX);
                let mut last = self.entries[entry as usize].share.last();
                last.end = header.start_unix_nanos + header.duration_nanos;
                last.worker = context.worker;
                std::mem::swap(&mut last.capture, &mut recording.capture);
            }
        }
    }

    /// Takes every slot above `below` off the stack, innermost last, without closing anything: a future is leaving this thread.
    pub(crate) fn suspend_above(&mut self, below: SlotRef) -> Vec<SlotRef> {
        let keep = self.stack.iter().rposition(|at| *at == below.index).map_or(self.stack.len(), |at| at + 1);
        self.take_stack_from(keep)
    }

    /// Takes the whole stack away: nothing is current until it is given back.
    pub(crate) fn take_stack(&mut self) -> Vec<SlotRef> {
        self.take_stack_from(0)
    }

    fn take_stack_from(&mut self, keep: usize) -> Vec<SlotRef> {
        let slots = &self.slots;
        let with_generation = |index| SlotRef { index, generation: slots[index as usize].generation };
        self.stack.drain(keep..).map(with_generation).collect()
    }

    /// Puts slots back on top, but for those that were closed meanwhile.
    pub(crate) fn resume(&mut self, slots: &mut Vec<SlotRef>) {
        let live = slots.drain(..).filter(|slot| {
            self.slots.get(slot.index as usize).is_some_and(|s| s.generation == slot.generation)
        });
        self.stack.extend(live.map(|slot| slot.index));
    }

    #[cfg(feature = "guest")]
    pub(crate) fn set_guest(&mut self, slot: SlotRef, guard: opentelemetry::ContextGuard) {
        if self.is_live(slot) {
            self.slots[slot.index as usize].guest = Some(guard);
        }
    }

    #[cfg(feature = "guest")]
    pub(crate) fn take_guest(&mut self, slot: SlotRef) -> Option<opentelemetry::ContextGuard> {
        self.slots.get_mut(slot.index as usize).filter(|s| s.generation == slot.generation)?.guest.take()
    }
}
