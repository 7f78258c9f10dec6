//! How a span begins: its parent, its identifiers, whether it is recorded, and which root it belongs to.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::clock::now;
use super::frame::{Detached, FrameContext, Parent, Root, SlotRef, SlotRefOrSelf, StartSpan};
use super::last_trace::SharedCapture;
use super::local::{Local, NO_ENTRY, is_suppressed};
use super::shared::Recorder;
use crate::ids::{TraceFlags, TraceId};
use crate::text::cut;

impl Local {
    /// Starts a span and makes it current.
    #[inline]
    pub(crate) fn open(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> SlotRef {
        let index = self.take_slot();
        self.begin(index, recorder, start);
        self.push_slot(index)
    }

    /// Starts a span that belongs to no thread.
    pub(crate) fn open_detached(&mut self, recorder: &Arc<Recorder>, start: &StartSpan<'_>) -> Detached {
        // The parent's root may be on this thread only; a detached span may end on any.
        let shared = match start.parent {
            Parent::Current => self.share_current(),
            _ => None,
        };
        let parent = shared.as_ref().map_or_else(|| start.parent.clone(), Parent::Given);
        let index = self.take_slot();
        self.begin(index, recorder, &StartSpan { parent, ..start.clone() });
        let mut detached = self.empty_slot(index);
        if let (Root::Here(SlotRefOrSelf::Itself), Some(recording)) =
            (&detached.context.root, &mut detached.recording)
        {
            recording.shared = Some(Arc::new(SharedCapture::new()));
        }
        detached
    }

    /// Fills a slot in place: this is the hot path, and a span's state is larger than it is worth to move about.
    #[inline]
    fn begin(&mut self, index: u32, recorder: &Arc<Recorder>, start: &StartSpan<'_>) {
        let known_entry = self.known_entry(recorder);
        let parent = match start.parent {
            Parent::Current => self.stack.last().map(|at| &self.slots[*at as usize].context),
            Parent::None => None,
            Parent::Given(context) => Some(context),
        };
        let own_worker = self.entries.get(known_entry as usize).and_then(|entry| entry.worker);
        let (mut worker, mut extra) = (own_worker, None);
        let (mut parent_span, mut parent_is_remote, mut inherited) = (None, false, None);
        if let Some(parent) = parent {
            // Baggage and worker are inherited even from a context without a span.
            worker = worker.or(parent.worker);
            extra = parent.extra.clone();
            if parent.trace_id.is_valid() && parent.span_id.is_valid() {
                parent_span = Some(parent.span_id);
                parent_is_remote = parent.is_remote;
                let root = self.root_for_child(parent, recorder.id, &start.parent);
                inherited = Some((parent.trace_id, flags_for_child(parent, recorder), root));
            }
        }
        let (trace_id, flags, root) = inherited.unwrap_or_else(|| {
            let trace_id = self.random.trace_id();
            (trace_id, flags_for_root(trace_id, recorder), Root::Here(SlotRefOrSelf::Itself))
        });
        let span_id = self.random.span_id();
        let worker = worker.or_else(|| recorder.only_worker());
        let records = flags.is_sampled() && !recorder.is_closed() && !is_suppressed();

        // Who records nothing needs no lane.
        let entry = if records && known_entry == NO_ENTRY { self.entry(recorder) } else { known_entry };
        if let Some(entry) = self.entries.get_mut(entry as usize) {
            entry.open += 1;
        }
        let slot = &mut self.slots[index as usize];
        slot.entry = entry;
        let context = &mut slot.context;
        (context.trace_id, context.span_id, context.flags) = (trace_id, span_id, flags);
        (context.is_remote, context.worker, context.recorder) = (false, worker, recorder.id);
        context.extra = extra;
        if !records {
            context.root = Root::None;
            return;
        }
        let mut recording = self.pool.pop().unwrap_or_default();
        let identity = &mut recording.identity;
        (identity.trace_id, identity.span_id) = (trace_id.to_bytes(), span_id.to_bytes());
        (identity.parent, identity.parent_is_remote) = (parent_span, parent_is_remote);
        (identity.flags, identity.scope) = (flags.to_w3c_byte(), start.scope);
        identity.is_local_root = matches!(root, Root::Here(SlotRefOrSelf::Itself));
        identity.trace_state = context.trace_state();
        context.root = root;
        let name = cut(start.name, recorder.limits.span_bytes / 4);
        recording.span.begin(&recording.identity, name, start.kind, start.start.unwrap_or_else(now));
        if let Some(worker) = worker {
            recording.span.set_worker(worker, &recorder.limits);
        }
        slot.recording = Some(recording);
    }

    /// The root that a child of `parent` belongs to. A parent of another tracer, or in another process, makes it one itself.
    #[inline]
    fn root_for_child(&self, parent: &FrameContext, recorder: u64, given: &Parent<'_>) -> Root {
        if parent.is_remote || parent.recorder != recorder {
            return self.enclosing_root(parent, recorder, given);
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
    fn enclosing_root(&self, parent: &FrameContext, recorder: u64, given: &Parent<'_>) -> Root {
        if let Parent::Current = given {
            for at in self.stack.iter().rev() {
                let slot = &self.slots[*at as usize];
                let same_trace = slot.context.trace_id == parent.trace_id && !slot.context.is_remote;
                if slot.context.recorder == recorder && same_trace {
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
}

/// The sampler's decision about a trace that starts here.
#[inline]
fn flags_for_root(trace_id: TraceId, recorder: &Recorder) -> TraceFlags {
    if recorder.sampler.records(trace_id) {
        return TraceFlags::SAMPLED;
    }
    recorder.sampled_out.fetch_add(1, Relaxed);
    TraceFlags::NONE
}

/// The parent's decision; where a B3 caller left it to us, the sampler's.
#[inline]
fn flags_for_child(parent: &FrameContext, recorder: &Recorder) -> TraceFlags {
    if parent.flags.is_deferred() {
        return parent.flags.decided(recorder.sampler.records(parent.trace_id));
    }
    parent.flags
}
