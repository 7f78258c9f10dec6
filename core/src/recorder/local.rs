//! One thread's open spans and current context: a slab of slots and a stack of the slots that are current.
//!
//! Everything here is reached through one thread-local and touches nothing shared until a span ends.
//! A guard holds a slot's number and generation, so that use after close and closing out of order are safe.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use tracer_factory_ring::Producer;

use super::frame::{Detached, FrameContext, Recording, Root, SlotRef, SlotRefOrSelf};
use super::lanes::ThreadShare;
use super::last_trace::SharedCapture;
use super::open_span::OpenSpan;
use super::random::Random;
use super::shared::Recorder;
use crate::config::Limits;
use crate::ids::{SpanId, TraceId};

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

#[inline]
pub(super) fn is_suppressed() -> bool {
    SUPPRESSED.get()
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) generation: u32,
    /// Index of the tracer's entry.
    pub(super) entry: u32,
    pub(super) context: FrameContext,
    /// Whether the thread was unwinding already when it was opened.
    pub(super) unwinding: bool,
    /// `None` for a context without a recorded span: sampled out, or attached.
    pub(super) recording: Option<Box<Recording>>,
    #[cfg(feature = "guest")]
    pub(super) guest: Option<opentelemetry::ContextGuard>,
}

/// One tracer as this thread records for it.
pub(super) struct Entry {
    pub(super) recorder: Arc<Recorder>,
    pub(super) producer: Producer,
    pub(super) share: Arc<ThreadShare>,
    pub(super) worker: Option<i64>,
    pub(super) open: u32,
    /// Where the lane was released up to when it was last waited for in vain.
    pub(super) gave_up_at: Option<u64>,
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

/// The entry of a slot that records nothing, and so has none.
pub(super) const NO_ENTRY: u32 = u32::MAX;

/// One thread's state.
pub(crate) struct Local {
    pub(super) slots: Vec<Slot>,
    pub(super) free: Vec<u32>,
    /// Indices of the slots that are current, the innermost last.
    pub(super) stack: Vec<u32>,
    /// Boxed, because a recording moves into and out of slots and is larger than it is worth to copy.
    #[expect(clippy::vec_box)]
    pub(super) pool: Vec<Box<Recording>>,
    pub(super) entries: Vec<Entry>,
    pub(super) random: Random,
}

impl Local {
    /// Recordings kept for reuse.
    pub(super) const POOL: usize = 64;

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

    /// The entry of `recorder`, made at the first span that this thread records for it.
    #[inline]
    pub(super) fn entry(&mut self, recorder: &Arc<Recorder>) -> u32 {
        match self.known_entry(recorder) {
            NO_ENTRY => self.add_entry(recorder),
            known => known,
        }
    }

    /// The entry of `recorder`, or [`NO_ENTRY`].
    #[inline]
    pub(super) fn known_entry(&self, recorder: &Arc<Recorder>) -> u32 {
        let at = self.entries.iter().position(|entry| Arc::ptr_eq(&entry.recorder, recorder));
        at.map_or(NO_ENTRY, |at| at as u32)
    }

    #[cold]
    fn add_entry(&mut self, recorder: &Arc<Recorder>) -> u32 {
        let (producer, consumer) = recorder.new_lane();
        let share = Arc::new(ThreadShare::default());
        recorder.lanes().register(consumer, Arc::clone(&share));
        let entry = Entry {
            recorder: Arc::clone(recorder),
            producer,
            share,
            worker: None,
            open: 0,
            gave_up_at: None,
        };
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

    pub(super) fn is_live(&self, slot: SlotRef) -> bool {
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
        let recording = held.recording.as_mut()?;
        self.entries.get(entry).map(|entry| (&mut recording.span, &entry.recorder.limits))
    }

    /// The context of a slot that has not been closed.
    pub(crate) fn context_of(&self, slot: SlotRef) -> Option<&FrameContext> {
        self.slots.get(slot.index as usize).filter(|s| s.generation == slot.generation).map(|s| &s.context)
    }

    /// The same, in a form that other threads can be given.
    pub(crate) fn share_slot(&mut self, slot: SlotRef) -> Option<FrameContext> {
        self.is_live(slot).then(|| self.share(slot.index))
    }

    /// The index of a slot that nobody has.
    #[inline]
    pub(super) fn take_slot(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        })
    }

    /// Makes a filled slot current.
    #[inline]
    pub(super) fn push_slot(&mut self, index: u32) -> SlotRef {
        let slot = &mut self.slots[index as usize];
        slot.unwinding = std::thread::panicking();
        self.stack.push(index);
        SlotRef { index, generation: slot.generation }
    }

    /// Frees a slot, for what it held to live on elsewhere.
    pub(super) fn empty_slot(&mut self, index: u32) -> Detached {
        let held = &mut self.slots[index as usize];
        let detached =
            Detached { context: std::mem::take(&mut held.context), recording: held.recording.take() };
        self.free_slot(index);
        detached
    }

    #[inline]
    pub(super) fn free_slot(&mut self, index: u32) {
        let held = &mut self.slots[index as usize];
        held.generation = held.generation.wrapping_add(1);
        if let Some(entry) = self.entries.get_mut(held.entry as usize) {
            entry.open -= 1;
        }
        self.free.push(index);
    }

    fn place(&mut self, entry: u32, detached: Detached) -> SlotRef {
        let index = self.take_slot();
        let slot = &mut self.slots[index as usize];
        slot.entry = entry;
        slot.context = detached.context;
        slot.recording = detached.recording;
        if let Some(entry) = self.entries.get_mut(entry as usize) {
            entry.open += 1;
        }
        self.push_slot(index)
    }

    /// Makes a detached span current on this thread until [`Local::leave`].
    pub(crate) fn enter(&mut self, recorder: &Arc<Recorder>, detached: Detached) -> SlotRef {
        let records = detached.recording.is_some() && !recorder.is_closed();
        let entry = if records { self.entry(recorder) } else { self.known_entry(recorder) };
        self.place(entry, detached)
    }

    /// Makes a context current without a span.
    pub(crate) fn attach(&mut self, context: FrameContext) -> SlotRef {
        self.place(NO_ENTRY, Detached { context, recording: None })
    }

    /// Takes a slot off the stack, from wherever in it, and frees it.
    pub(crate) fn leave(&mut self, slot: SlotRef) -> Option<Detached> {
        self.is_live(slot).then(|| {
            self.unstack(slot.index);
            self.empty_slot(slot.index)
        })
    }

    /// Takes a slot off the stack, from wherever in it.
    #[inline]
    pub(super) fn unstack(&mut self, index: u32) {
        if self.stack.last() == Some(&index) {
            self.stack.pop();
        } else if let Some(at) = self.stack.iter().rposition(|at| *at == index) {
            self.stack.remove(at);
        }
    }

    /// Takes the whole stack away: nothing is current until it is given back.
    pub(crate) fn take_stack(&mut self) -> Vec<SlotRef> {
        let slots = &self.slots;
        let with_generation = |index| SlotRef { index, generation: slots[index as usize].generation };
        self.stack.drain(..).map(with_generation).collect()
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
