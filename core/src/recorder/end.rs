//! How a span ends: its record goes into the thread's lane and into its root's last trace.

use std::rc::Rc;
use std::sync::Arc;

use tracer_factory_ring::{Push, RecordHeader};

use super::frame::{Detached, Recording};
use super::last_trace::{Capture, SharedCapture};
use super::local::{Entry, Local};
use super::node::{Node, Root, State};
use super::shared::Recorder;

impl Local {
    /// Ends the span in a node, which its guard gives back.
    #[inline(always)]
    pub(crate) fn close(&mut self, node: Rc<Node>) {
        self.close_showing(node, |_, _| {});
    }

    /// Ends the span in a node; of a recorded root, also returns what was captured under it.
    pub(crate) fn close_root(&mut self, node: Rc<Node>) -> Option<(Arc<Recorder>, Capture)> {
        let mut captured = None;
        self.close_showing(node, |recorder, root| captured = Some((Arc::clone(recorder), root.to_capture())));
        captured
    }

    #[inline(always)]
    fn close_showing(&mut self, node: Rc<Node>, show: impl FnOnce(&Arc<Recorder>, &Recording)) {
        if let Some(mut state) = node.state() {
            let state = &mut *state;
            state.is_open = false;
            if state.records {
                state.records = false;
                self.finish_in(state, show);
            }
            if state.extra.is_some() {
                state.extra = None;
            }
        }
        self.unstack(node);
    }

    #[inline(always)]
    fn finish_in(&mut self, state: &mut State, show: impl FnOnce(&Arc<Recorder>, &Recording)) {
        let Some(recording) = &mut state.recording else { return };
        recording.span.finish(None);
        let header = recording.span.header();
        let Some(entry) = self.entries.get_mut(state.entry as usize).filter(|e| e.id == state.recorder)
        else {
            return count_late(state.recorder);
        };
        Self::hand_over(entry, &header, recording.span.body());
        let cap = recording.span.limits.last_trace_bytes;
        match std::mem::take(&mut state.root) {
            Root::Itself => {
                recording.worker = state.worker;
                if let Some(root) = state.recording.take() {
                    state.recording = publish(entry, root, cap, show);
                }
            }
            Root::Here(root) => {
                if let Some(mut root) = root.state().filter(|root| root.records)
                    && let Some(root) = &mut root.recording
                {
                    // All in one place, in the order of their ends, once others add to it too.
                    match &root.shared {
                        None => root.capture.push(&header, recording.span.body(), cap),
                        Some(shared) => shared.push(&header, recording.span.body(), cap),
                    }
                }
            }
            Root::Shared(shared) => shared.push(&header, recording.span.body(), cap),
            Root::None => {}
        }
        if let Some(recording) = &mut state.recording {
            recording.span.shrink();
        }
    }

    /// Ends a span that was not on this thread's stack.
    pub(crate) fn close_detached(&mut self, recorder: &Arc<Recorder>, detached: Detached, end: Option<u64>) {
        let Some(mut recording) = detached.recording else { return };
        if recorder.is_closed() {
            return recorder.count_late();
        }
        recording.span.finish(end);
        let header = recording.span.header();
        let at = self.entry(recorder) as usize;
        let Some(entry) = self.entries.get_mut(at) else { return };
        Self::hand_over(entry, &header, recording.span.body());
        let cap = recorder.limits.last_trace_bytes;
        let spare = if header.flags & RecordHeader::LOCAL_ROOT != 0 {
            recording.worker = detached.context.worker;
            publish(entry, recording, cap, |_, _| {})
        } else {
            if let Some(shared) = &detached.context.root {
                shared.push(&header, recording.span.body(), cap);
            }
            Some(recording)
        };
        if let Some(mut recording) = spare.filter(|_| self.spare.len() < Self::POOL) {
            recording.span.shrink();
            self.spare.push(recording);
        }
    }

    #[inline(always)]
    fn hand_over(entry: &mut Entry, header: &RecordHeader, span: &[u8]) {
        if entry.recorder.is_closed() {
            return entry.recorder.count_late();
        }
        match entry.producer.push(header, span) {
            Push::Taken => {}
            Push::TakenWake | Push::Refused => entry.recorder.wake(),
            Push::TooLarge => push_large(entry, header, span),
        }
    }
}

/// Makes an ended root the thread's last trace. Gives back the one before, to be used again.
#[inline(always)]
fn publish(
    entry: &Entry,
    mut root: Box<Recording>,
    cap: usize,
    show: impl FnOnce(&Arc<Recorder>, &Recording),
) -> Option<Box<Recording>> {
    if let Some(shared) = root.shared.take() {
        gather_shared(&mut root, &shared, cap);
    }
    show(&entry.recorder, &root);
    let mut before = if cap == 0 { Some(root) } else { entry.share.last.replace(root) };
    if let Some(before) = &mut before
        && !before.capture.is_empty()
    {
        before.capture.clear();
    }
    before
}

#[cold]
#[inline(never)]
fn gather_shared(root: &mut Recording, shared: &SharedCapture, cap: usize) {
    if let Some(mut late) = shared.close() {
        root.capture.append(&mut late, cap);
    }
}

#[cold]
#[inline(never)]
fn push_large(entry: &Entry, header: &RecordHeader, span: &[u8]) {
    entry.recorder.lanes().push_large(header, span);
    entry.recorder.wake();
}

/// A span whose tracer was torn down, and gave its place on this thread away.
#[cold]
#[inline(never)]
fn count_late(recorder: u64) {
    if let Some(recorder) = Recorder::by_id(recorder) {
        recorder.count_late();
    }
}
