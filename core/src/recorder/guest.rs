//! How a guest's span begins and ends. It is on no stack: its parent comes with it, and its children find their root by
//! other means.

use std::cell::Cell;
use std::sync::Arc;

use tracer_factory_ring::RecordHeader;

use super::begin::new_recording;
use super::end::{hand_over, publish};
use super::frame::{Extra, FrameContext, Recording, Worker};
use super::last_trace::SharedCapture;
use super::local::{Entry, Local};
use super::open_span::Beginning;
use super::random::Random;
use super::shared::Recorder;
use crate::ids::{SpanId, TraceFlags, TraceId};
use crate::span::SpanKind;

/// What is known of a guest's span when it starts.
#[derive(Debug)]
pub(crate) struct GuestBeginning<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: SpanKind,
    pub(crate) start: Option<u64>,
    pub(crate) scope: u16,
}

/// A guest's span that has begun, and may end on any thread.
#[derive(Debug)]
pub(crate) struct OpenGuest {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) worker: Worker,
    pub(crate) is_root: bool,
    pub(crate) extra: Option<Arc<Extra>>,
    /// Where its root's spans are gathered when it is none.
    pub(crate) gathered_in: Option<Arc<SharedCapture>>,
    /// `None` when nothing is recorded.
    pub(crate) recording: Option<Box<Recording>>,
}

/// Where a span begins.
struct Origin {
    trace_id: TraceId,
    /// All zeros for none.
    parent: SpanId,
    parent_is_remote: bool,
    flags: TraceFlags,
    worker: Worker,
    is_root: bool,
    extra: Option<Arc<Extra>>,
    gathered_in: Option<Arc<SharedCapture>>,
}

impl Local {
    /// Starts a guest's span, and takes its parent's place out of `parent`, since it is large.
    #[inline(always)]
    pub(crate) fn open_guest(
        &mut self,
        recorder: &Arc<Recorder>,
        begin: &GuestBeginning<'_>,
        parent: &mut Option<FrameContext>,
    ) -> Option<OpenGuest> {
        self.let_stand_first(recorder);
        let Self { entries, random, spare, suppressed, .. } = self;
        let entry = entries.first_mut()?;
        let origin = match parent {
            None => new_trace(random, entry),
            Some(parent) => below(std::mem::take(parent), random, entry),
        };
        let Origin { trace_id, parent, parent_is_remote, flags, worker, is_root, extra, gathered_in } =
            origin;
        let span_id = random.span_id();
        let records = flags.is_sampled() && !recorder.is_closed() && !*suppressed;
        let recording = records.then(|| {
            let mut recording = match spare.pop() {
                Some(waiting) => waiting,
                None => new_recording(spare),
            };
            recording.worker = worker;
            recording.span.begin(recorder, entry.output().clock.now(), begin.start);
            recording.span.write_head(&Beginning {
                trace_id: &Cell::new(trace_id),
                span_id,
                parent,
                parent_is_remote,
                is_local_root: is_root,
                flags: flags.to_w3c_byte(),
                scope: begin.scope,
                name: begin.name,
                kind: begin.kind,
            });
            if let Some(extra) = &extra
                && !extra.trace_state.is_empty()
            {
                recording.span.set_trace_state(extra.trace_state.as_str());
            }
            if let Some(worker) = worker.number() {
                recording.span.set_worker(worker);
            }
            recording
        });
        Some(OpenGuest { trace_id, span_id, flags, worker, is_root, extra, gathered_in, recording })
    }

    /// Ends a guest's span.
    #[inline(always)]
    pub(crate) fn close_guest(
        &mut self,
        mut recording: Box<Recording>,
        gathered_in: Option<Arc<SharedCapture>>,
        end: Option<u64>,
    ) {
        let (recorder, cap) = (recording.span.recorder(), recording.span.limits.last_trace_bytes);
        let Some(record) = recording.span.finish(end) else { return };
        let is_first = self.entries.first().is_some_and(|first| first.id == recorder);
        if !is_first && !self.find_or_add(recorder) {
            return;
        }
        let Some(entry) = self.entries.first_mut() else { return };
        entry.output();
        let Entry { recorder, output: Some(output), .. } = entry else { return };
        hand_over(recorder, output, record);
        let spare = if record.header().flags & RecordHeader::LOCAL_ROOT != 0 {
            publish(recorder, output, recording, cap, |_, _| {})
        } else {
            if let Some(shared) = gathered_in {
                shared.push(record, cap);
            }
            Some(recording)
        };
        if let Some(mut recording) = spare
            && self.spare.len() < Self::POOL
        {
            recording.span.shrink();
            self.spare.push(recording);
        }
    }

    /// Lets a recorder stand first that this thread may not have recorded for yet; false when it is gone, and with it
    /// everybody who asks what became of its spans.
    #[cold]
    #[inline(never)]
    fn find_or_add(&mut self, recorder: u64) -> bool {
        if self.entry_of(recorder).is_some() {
            return true;
        }
        let Some(recorder) = Recorder::by_id(recorder).filter(|recorder| recorder.is_of_this_process())
        else {
            return false;
        };
        if recorder.is_closed() {
            recorder.count_late();
            return false;
        }
        self.let_stand_first(&recorder);
        true
    }
}

/// A root in a trace of its own, by the sampler's decision.
#[inline(always)]
fn new_trace(random: &mut Random, entry: &mut Entry) -> Origin {
    let trace_id = random.trace_id();
    Origin {
        trace_id,
        parent: SpanId::INVALID,
        parent_is_remote: false,
        flags: entry.decide(trace_id),
        worker: entry.worker.or(|| entry.recorder.only_worker()),
        is_root: true,
        extra: None,
        gathered_in: None,
    }
}

/// Takes over a context of any kind.
#[inline(never)]
fn below(parent: FrameContext, random: &mut Random, entry: &mut Entry) -> Origin {
    // Baggage and worker are inherited even from a context without a span.
    let worker = entry.worker.or(|| parent.worker).or(|| entry.recorder.only_worker());
    if !parent.trace_id.is_valid() || !parent.span_id.is_valid() {
        return Origin { worker, extra: parent.extra, ..new_trace(random, entry) };
    }
    // A parent of another tracer, or in another process, makes a span a root itself.
    let is_root = parent.is_remote || parent.recorder != entry.id;
    Origin {
        trace_id: parent.trace_id,
        parent: parent.span_id,
        parent_is_remote: parent.is_remote,
        flags: entry.follow(parent.flags, parent.trace_id),
        worker,
        is_root,
        extra: parent.extra,
        gathered_in: parent.root.filter(|_| !is_root),
    }
}
