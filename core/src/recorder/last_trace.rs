//! Last traces: copies of a root's records, kept as bytes and decoded when asked.

use std::sync::{Mutex, MutexGuard};

use tracer_factory_ring::{HEADER_BYTES, HEADER_WORDS, RecordHeader, Records};

use crate::lock::lock;
use crate::wire::Buffer;

/// Records of one local root, in the order they ended.
#[derive(Debug, Default, Clone)]
pub(crate) struct Capture {
    records: Buffer,
    pub(crate) omitted: u64,
}

impl Capture {
    #[inline]
    pub(crate) fn push(&mut self, header: &RecordHeader, span: &[u8], cap: usize) {
        if self.records.len().saturating_add(span.len()) > cap {
            self.omitted += 1;
            return;
        }
        if let Some(block) = self.records.block() {
            header.write_to(block);
            self.records.advance(HEADER_BYTES);
        }
        self.records.put_bytes(span);
        if let Some(block) = self.records.block::<8>() {
            *block = [0; 8];
            self.records.advance(span.len().next_multiple_of(8) - span.len());
        }
    }

    /// The records.
    pub(crate) fn records(&self) -> Records<'_> {
        Records::new(self.records.written())
    }

    fn is_empty(&self) -> bool {
        self.records.len() == 0 && self.omitted == 0
    }

    /// Takes over what `other` has, as far as it fits.
    pub(crate) fn append(&mut self, other: &mut Capture, cap: usize) {
        for (header, span) in other.records() {
            self.push(&header, span, cap);
        }
        self.omitted += other.omitted;
        other.clear();
    }

    pub(crate) fn clear(&mut self) {
        const KEPT: usize = 64 << 10;
        if self.records.capacity() > KEPT {
            self.records = Buffer::default();
        }
        self.records.clear();
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
        lock(&self.state)
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
    root: [u64; HEADER_WORDS],
    root_span: Buffer,
}

impl LastTrace {
    /// Takes over what ended under a root, and the root's own buffer; gives back the buffers of the one before.
    #[inline]
    pub(crate) fn replace(&mut self, root: &RecordHeader, root_span: &mut Buffer, children: &mut Capture) {
        self.end = root.start_unix_nanos + root.duration_nanos;
        // As words: they are stored one by one, where a header would be copied in wider pieces than it was built in.
        self.root = root.to_words();
        std::mem::swap(&mut self.root_span, root_span);
        if !(self.children.is_empty() && children.is_empty()) {
            std::mem::swap(&mut self.children, children);
        }
    }

    /// All records, the root last. The root is always among them: a trace without its root would be none.
    pub(crate) fn capture(&self) -> Capture {
        let mut capture = self.children.clone();
        let root = RecordHeader::from_words(self.root);
        if root.len > 0 {
            capture.push(&root, self.root_span.written(), usize::MAX);
        }
        capture
    }
}
