//! How a span ends: its record goes into the thread's lane and into its root's last trace.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracer_factory_ring::{Push, Record, RecordHeader};

use super::frame::{Detached, Recording};
use super::last_trace::Capture;
use super::local::{Entry, Local, Output};
use super::node::{Node, Root, Stage};
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
        match node.stage.replace(Stage::Closed) {
            Stage::Recording => self.finish_in(&node, show),
            _ => drop(node.take_root()),
        }
        if node.has_extra.get() {
            node.set_extra(None);
        }
        self.unstack(node);
    }

    #[inline(always)]
    fn finish_in(&mut self, node: &Node, show: impl FnOnce(&Arc<Recorder>, &Recording)) {
        let Some(mut recording) = node.recording.take() else { return };
        let cap = recording.span.limits.last_trace_bytes;
        let Some(record) = recording.span.finish(None) else { return };
        let Some(entry) = self.entry_of(node.recorder.get()) else { return close_late(node) };
        let Entry { recorder, output: Some(output), .. } = entry else { return };
        hand_over(recorder, output, record);
        let waiting = match node.take_root() {
            Root::Here(root) => {
                capture_below(&root, record, cap);
                Some(recording)
            }
            Root::Itself => {
                recording.worker = node.worker.get();
                publish(recorder, output, recording, cap, show)
            }
            elsewhere => {
                capture_elsewhere(elsewhere, record, cap);
                Some(recording)
            }
        };
        if let Some(mut waiting) = waiting {
            waiting.span.shrink();
            node.keep(waiting);
        }
    }

    /// Ends a span that was not on this thread's stack.
    pub(crate) fn close_detached(&mut self, recorder: &Arc<Recorder>, detached: Detached, end: Option<u64>) {
        let Some(mut recording) = detached.recording else { return };
        if recorder.is_closed() {
            return recorder.count_late();
        }
        let cap = recorder.limits.last_trace_bytes;
        let Some(record) = recording.span.finish(end) else { return };
        let Some(output) = self.entry(recorder).map(|entry| entry.output()) else { return };
        hand_over_calling(recorder, output, record);
        let spare = if record.header().flags & RecordHeader::LOCAL_ROOT != 0 {
            recording.worker = detached.context.worker;
            publish(recorder, output, recording, cap, |_, _| {})
        } else {
            if let Some(shared) = &detached.context.root {
                shared.push(record, cap);
            }
            Some(recording)
        };
        if let Some(mut recording) = spare.filter(|_| self.spare.len() < Self::POOL) {
            recording.span.shrink();
            self.spare.push(recording);
        }
    }
}

#[inline(always)]
pub(super) fn hand_over(recorder: &Recorder, output: &mut Output, record: Record<'_>) {
    if recorder.is_closed() {
        return recorder.count_late();
    }
    let push = output.producer.offer_whole(record);
    if push != Push::Taken {
        not_just_taken(recorder, output, record, push);
    }
}

#[cold]
#[inline(never)]
fn not_just_taken(recorder: &Recorder, output: &mut Output, record: Record<'_>, push: Push) {
    match push {
        Push::Taken | Push::Forked => {}
        Push::TakenWake => recorder.wake(),
        Push::Refused => push_when_there_is_room(recorder, output, &record.header(), record.span()),
        Push::TooLarge => push_beside(recorder, &record.header(), record.span()),
    }
}

/// For whoever is in less of a hurry than a scope that closes.
#[inline(never)]
fn hand_over_calling(recorder: &Recorder, output: &mut Output, record: Record<'_>) {
    hand_over(recorder, output, record);
}

/// Adds an ended span to the last trace of its root.
#[inline(always)]
fn capture_below(root: &Node, record: Record<'_>, cap: usize) {
    if root.records()
        && let Some(mut recording) = root.recording.take()
    {
        // All in one place, in the order of their ends, once others add to it too.
        match &recording.shared {
            None => recording.capture.push(record, cap),
            Some(shared) => shared.push(record, cap),
        }
        root.keep(recording);
    }
}

/// The same for a root that was opened elsewhere.
#[cold]
#[inline(never)]
fn capture_elsewhere(root: Root, record: Record<'_>, cap: usize) {
    if let Root::Shared(shared) = root {
        shared.push(record, cap);
    }
}

/// Makes an ended root the thread's last trace. Gives back the one before, to be used again.
#[inline(always)]
pub(super) fn publish(
    recorder: &Arc<Recorder>,
    output: &Output,
    mut root: Box<Recording>,
    cap: usize,
    show: impl FnOnce(&Arc<Recorder>, &Recording),
) -> Option<Box<Recording>> {
    if root.shared.is_some() {
        gather_shared(&mut root, cap);
    }
    show(recorder, &root);
    let mut before = if cap == 0 { Some(root) } else { output.share.last.replace(root) };
    if let Some(before) = &mut before
        && !before.capture.is_empty()
    {
        before.capture.clear();
    }
    before
}

#[cold]
#[inline(never)]
fn gather_shared(root: &mut Recording, cap: usize) {
    if let Some(mut late) = root.shared.take().and_then(|shared| shared.close()) {
        root.capture.append(&mut late, cap);
        late.keep();
    }
}

/// Gives delivery the processor until it has made room, for as long as the configuration says. Once that was in vain,
/// nothing is waited for until there was room again: a disk that hangs holds a thread up once.
#[cold]
#[inline(never)]
fn push_when_there_is_room(recorder: &Recorder, output: &mut Output, header: &RecordHeader, span: &[u8]) {
    let patience = recorder.patience();
    if patience.is_zero() {
        recorder.wake()
    } else {
        recorder.want_room()
    }
    let hopeless = patience != Duration::MAX && output.gave_up_at == Some(output.producer.released());
    let start = Instant::now();
    while !hopeless && start.elapsed() < patience && !recorder.is_closed() {
        std::thread::yield_now();
        match output.producer.offer(header, span) {
            Push::Refused => {}
            Push::TakenWake => return recorder.wake(),
            Push::Taken | Push::Forked | Push::TooLarge => return,
        }
    }
    output.gave_up_at = Some(output.producer.released());
    // One that takes much of a lane finds it too full soon, which says nothing about delivery.
    let is_large = span.len() as u64 > output.producer.lane().capacity() * 8 / 4;
    if recorder.spills() || is_large {
        push_beside(recorder, header, span);
    } else {
        output.producer.refuse();
    }
}

/// Keeps a span in memory that its lane can't take, or not now.
#[cold]
#[inline(never)]
fn push_beside(recorder: &Recorder, header: &RecordHeader, span: &[u8]) {
    recorder.lanes().push_beside(header, span);
    recorder.wake();
}

/// A span whose tracer was torn down, and gave its place on this thread away.
#[cold]
#[inline(never)]
fn close_late(node: &Node) {
    drop(node.take_root());
    if let Some(recorder) = Recorder::by_id(node.recorder.get()) {
        recorder.count_late();
    }
}
