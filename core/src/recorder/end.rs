//! How a span ends: its record goes into the thread's lane and into its root's last trace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracer_factory_ring::{Push, RecordHeader};

use super::clock::now;
use super::frame::{Detached, Recording, Root, SlotRef, SlotRefOrSelf};
use super::last_trace::Capture;
use super::local::{Entry, Local, NO_ENTRY};
use super::shared::Recorder;

impl Local {
    /// Ends the span in a slot.
    #[inline]
    pub(crate) fn close(&mut self, slot: SlotRef) {
        if !self.is_live(slot) {
            return;
        }
        self.unstack(slot.index);
        let held = &mut self.slots[slot.index as usize];
        let (entry, recording, worker) = (held.entry, held.recording.take(), held.context.worker);
        let root = std::mem::take(&mut held.context.root);
        held.context.extra = None;
        self.free_slot(slot.index);
        if let Some(recording) = recording
            && entry != NO_ENTRY
        {
            self.finish(entry, recording, &root, worker, None);
        }
    }

    /// Ends the span in a slot; of a recorded root, also returns what was captured under it.
    pub(crate) fn close_root(&mut self, slot: SlotRef) -> Option<(Arc<Recorder>, Capture)> {
        let held = self.slots.get(slot.index as usize).filter(|s| s.generation == slot.generation)?;
        let entry = held.entry;
        let is_root =
            held.recording.is_some() && matches!(held.context.root, Root::Here(SlotRefOrSelf::Itself));
        self.close(slot);
        // A context without a span has no entry.
        let ended = self.entries.get(entry as usize).filter(|_| is_root)?;
        let capture = ended.share.last().capture();
        Some((Arc::clone(&ended.recorder), capture))
    }

    /// Ends a span that was not on this thread's stack.
    pub(crate) fn close_detached(&mut self, recorder: &Arc<Recorder>, detached: Detached, end: Option<u64>) {
        let Some(recording) = detached.recording else { return };
        if recorder.is_closed() {
            return recorder.count_late();
        }
        let entry = self.entry(recorder);
        self.finish(entry, recording, &detached.context.root, detached.context.worker, end);
    }

    #[inline]
    fn finish(
        &mut self,
        entry: u32,
        mut recording: Box<Recording>,
        root: &Root,
        worker: Option<i64>,
        end: Option<u64>,
    ) {
        let header = recording.span.finish(end.unwrap_or_else(now), &recording.identity);
        let held = &mut self.entries[entry as usize];
        if held.recorder.is_closed() {
            held.recorder.count_late();
        } else {
            Self::push(held, &header, recording.span.body());
        }
        self.capture(entry, root, worker, &header, &mut recording);
        if self.pool.len() < Self::POOL {
            recording.span.clear();
            recording.capture.clear();
            recording.shared = None;
            self.pool.push(recording);
        }
    }

    #[inline]
    fn push(entry: &mut Entry, header: &RecordHeader, span: &[u8]) {
        match entry.producer.offer(header, span) {
            Push::Taken | Push::Forked => {}
            Push::TakenWake => entry.recorder.wake(),
            Push::Refused => push_when_there_is_room(entry, header, span),
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
        root: &Root,
        worker: Option<i64>,
        header: &RecordHeader,
        recording: &mut Recording,
    ) {
        let cap = self.entries[entry as usize].recorder.limits.last_trace_bytes;
        match root {
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
                let mut last = self.entries[entry as usize].share.last();
                last.worker = worker;
                last.replace(header, recording.span.body_mut(), &mut recording.capture);
            }
        }
    }
}

/// Gives delivery the processor until it has made room, for as long as the configuration says. Once that was in vain,
/// nothing is waited for until there was room again: a disk that hangs holds a thread up once.
#[cold]
fn push_when_there_is_room(entry: &mut Entry, header: &RecordHeader, span: &[u8]) {
    let recorder = &entry.recorder;
    recorder.wake();
    let patience = recorder.patience();
    let hopeless = patience != Duration::MAX && entry.gave_up_at == Some(entry.producer.released());
    let start = Instant::now();
    while !hopeless && start.elapsed() < patience && !recorder.is_closed() {
        std::thread::yield_now();
        match entry.producer.offer(header, span) {
            Push::Refused => {}
            Push::TakenWake => return recorder.wake(),
            Push::Taken | Push::Forked | Push::TooLarge => return,
        }
    }
    entry.gave_up_at = Some(entry.producer.released());
    entry.producer.refuse();
}
