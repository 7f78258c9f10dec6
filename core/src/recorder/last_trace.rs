//! Last traces: copies of a root's records, kept as bytes and decoded when asked.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracer_factory_ring::RecordHeader;

/// Records of one local root, in the order they ended.
#[derive(Debug, Default, Clone)]
pub(crate) struct Capture {
    pub(crate) records: Vec<u8>,
    pub(crate) omitted: u64,
}

impl Capture {
    #[inline]
    pub(crate) fn push(&mut self, header: &RecordHeader, span: &[u8], cap: usize) {
        if self.records.len() + span.len() > cap {
            self.omitted += 1;
        } else {
            header.append_to(span, &mut self.records);
        }
    }

    /// Takes over what `other` has, as far as it fits.
    pub(crate) fn append(&mut self, other: &mut Capture, cap: usize) {
        for (header, span) in tracer_factory_ring::Records::new(&other.records) {
            self.push(&header, span, cap);
        }
        self.omitted += other.omitted;
        other.clear();
    }

    pub(crate) fn clear(&mut self) {
        const KEPT: usize = 64 << 10;
        self.records.clear();
        if self.records.capacity() > KEPT {
            self.records.shrink_to(KEPT);
        }
        self.omitted = 0;
    }
}

/// A capture that spans on other threads add to while their root is open.
#[derive(Debug)]
pub(crate) struct SharedCapture {
    /// `None` once the root has ended: later spans are not part of its last trace.
    state: Mutex<Option<Capture>>,
}

impl SharedCapture {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(Some(Capture::default())) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Capture>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, header: &RecordHeader, span: &[u8], cap: usize) {
        if let Some(capture) = self.lock().as_mut() {
            capture.push(header, span, cap);
        }
    }

    /// Ends it, and hands over what came in.
    pub(crate) fn close(&self) -> Option<Capture> {
        self.lock().take()
    }
}

/// The last finished root of one thread.
#[derive(Debug, Default)]
pub(crate) struct LastTrace {
    pub(crate) end: u64,
    pub(crate) worker: Option<i64>,
    /// What ended under the root.
    children: Capture,
    /// The root itself, in the buffer that it was recorded in.
    root: Option<RecordHeader>,
    root_span: Vec<u8>,
}

impl LastTrace {
    /// Takes over what ended under a root, and the root's own buffer; gives back the buffers of the one before.
    #[inline]
    pub(crate) fn replace(&mut self, root: &RecordHeader, root_span: &mut Vec<u8>, children: &mut Capture) {
        self.end = root.start_unix_nanos + root.duration_nanos;
        self.root = Some(*root);
        std::mem::swap(&mut self.root_span, root_span);
        std::mem::swap(&mut self.children, children);
    }

    /// All records, the root last. The root is always among them: a trace without its root would be none.
    pub(crate) fn capture(&self) -> Capture {
        let mut capture = self.children.clone();
        if let Some(root) = &self.root {
            capture.push(root, &self.root_span, usize::MAX);
        }
        capture
    }
}
