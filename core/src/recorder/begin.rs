//! How a span begins: its parent, its identifiers, whether it is recorded, and which root it belongs to.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::clock::now;
use super::frame::{Detached, FrameContext, Parent, Root, SlotRef, SlotRefOrSelf, StartSpan};
use super::last_trace::SharedCapture;
use super::local::{Local, is_suppressed};
use super::open_span::Identity;
use super::shared::Recorder;
use crate::ids::TraceFlags;

impl Local {
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
        if !child.flags.is_sampled() || recorder.is_closed() || is_suppressed() {
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
}
