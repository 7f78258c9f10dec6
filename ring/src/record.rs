//! The record: a fixed header of six words, then the bytes of one encoded span, padded to whole words.
//!
//! Everything after the recorder (lanes, queues, segments) moves records as they are. All words are little-endian.

use std::fmt;

/// Words of a header.
pub const HEADER_WORDS: usize = 6;
/// Bytes of a header.
pub const HEADER_BYTES: usize = HEADER_WORDS * 8;

/// What can be known of a span without decoding it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecordHeader {
    /// Bytes of the encoded span, without padding.
    pub len: u32,
    /// The tracer, and so the resource, that the span belongs to.
    pub tracer: u16,
    /// The instrumentation scope within the tracer.
    pub scope: u16,
    /// The trace.
    pub trace_id: [u8; 16],
    /// W3C trace flags in the low byte; bit 8: local root; bit 9: error status.
    pub flags: u32,
    /// Start in nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// End minus start in nanoseconds.
    pub duration_nanos: u64,
}

/// Words of a record, header and padded span, by the first of them.
#[inline]
pub(crate) fn words(first: u64) -> u64 {
    HEADER_WORDS as u64 + u64::from(first as u32).div_ceil(8)
}

impl RecordHeader {
    /// Flag: the span has no parent in this process.
    pub const LOCAL_ROOT: u32 = 1 << 8;
    /// Flag: the span's status is an error.
    pub const ERROR: u32 = 1 << 9;

    /// As words.
    #[inline(always)]
    pub fn to_words(&self) -> [u64; HEADER_WORDS] {
        let (low, high) = self.trace_id.split_at(8);
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        [
            u64::from(self.len) | u64::from(self.tracer) << 32 | u64::from(self.scope) << 48,
            word(low),
            word(high),
            u64::from(self.flags),
            self.start_unix_nanos,
            self.duration_nanos,
        ]
    }

    /// From words.
    pub fn from_words(words: [u64; HEADER_WORDS]) -> Self {
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&words[1].to_le_bytes());
        trace_id[8..].copy_from_slice(&words[2].to_le_bytes());
        Self {
            len: words[0] as u32,
            tracer: (words[0] >> 32) as u16,
            scope: (words[0] >> 48) as u16,
            trace_id,
            flags: words[3] as u32,
            start_unix_nanos: words[4],
            duration_nanos: words[5],
        }
    }

    /// As bytes.
    #[inline(always)]
    pub fn write_to(&self, block: &mut [u8; HEADER_BYTES]) {
        for (bytes, word) in block.as_chunks_mut::<8>().0.iter_mut().zip(self.to_words()) {
            *bytes = word.to_le_bytes();
        }
    }

    /// Adds flags to a header that was written.
    pub fn raise_flags(block: &mut [u8; HEADER_BYTES], flags: u32) {
        let mut header = Self::read(block);
        header.flags |= flags;
        header.write_to(block);
    }

    /// Appends header and span to `out`, as a lane would hand them over.
    pub fn append_to(&self, span: &[u8], out: &mut Vec<u8>) {
        let padding = span.len().next_multiple_of(8) - span.len();
        out.reserve(HEADER_BYTES + span.len() + padding);
        for word in self.to_words() {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(span);
        out.extend_from_slice(&[0; 8][..padding]);
    }

    fn read(bytes: &[u8; HEADER_BYTES]) -> Self {
        let mut words = [0; HEADER_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Self::from_words(words)
    }
}

/// A whole record in one piece, just as a lane holds it: header, span, and zeros up to a whole word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// A header and as many bytes more as it says, in whole words.
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// Bytes that have to be behind the span, for the zeros.
    pub const PADDING: usize = 8;

    /// Completes a record in place: `bytes` begin with a header whose length and duration are yet to be filled in, then
    /// comes the span. `None` when they are not enough for it and [`PADDING`](Self::PADDING) bytes more, which may hold
    /// anything; nothing was changed then.
    #[inline(always)]
    pub fn complete(bytes: &'a mut [u8], span_bytes: u32, duration_nanos: u64) -> Option<Self> {
        let end = HEADER_BYTES + span_bytes as usize;
        *bytes.get_mut(end..end + Self::PADDING)?.first_chunk_mut()? = [0; Self::PADDING];
        let header = bytes.first_chunk_mut::<HEADER_BYTES>()?;
        header[..4].copy_from_slice(&span_bytes.to_le_bytes());
        header[40..].copy_from_slice(&duration_nanos.to_le_bytes());
        // SAFETY: the next whole word ends at most seven bytes after the span, and there are eight.
        Some(Self { bytes: unsafe { bytes.get_unchecked(..end.wrapping_add(7) & !7) } })
    }

    /// The first of the records that `bytes` begin with.
    #[inline]
    fn first_of(bytes: &'a [u8]) -> Option<Self> {
        let len = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        Some(Self { bytes: bytes.get(..HEADER_BYTES + len.next_multiple_of(8))? })
    }

    /// All of it.
    #[inline(always)]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// What can be known without decoding.
    #[inline]
    pub fn header(self) -> RecordHeader {
        self.bytes.first_chunk().map(RecordHeader::read).unwrap_or_default()
    }

    /// The encoded span.
    #[inline]
    pub fn span(self) -> &'a [u8] {
        let len = self.bytes.first_chunk().map_or(0, |len| u32::from_le_bytes(*len)) as usize;
        self.bytes.get(HEADER_BYTES..HEADER_BYTES + len).unwrap_or_default()
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("header", &self.header()).finish_non_exhaustive()
    }
}

/// The records in a run of bytes, in order. Ends early at a record that is cut off.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// Over what [`crate::Consumer::drain_into`] or [`RecordHeader::append_to`] wrote.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been visited.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next one in one piece.
    #[inline]
    pub fn next_whole(&mut self) -> Option<Record<'a>> {
        let record = Record::first_of(self.rest)?;
        self.rest = self.rest.get(record.bytes.len()..)?;
        Some(record)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (RecordHeader, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.next_whole().map(|record| (record.header(), record.span()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bytes_keep_a_header() {
        let header = RecordHeader {
            len: 11,
            tracer: 7,
            scope: 65535,
            trace_id: *b"0123456789abcdef",
            flags: RecordHeader::ERROR | 1,
            start_unix_nanos: u64::MAX,
            duration_nanos: 1,
        };
        assert_eq!(RecordHeader::from_words(header.to_words()), header);
        let mut bytes = Vec::new();
        header.append_to(b"hello world", &mut bytes);
        assert_eq!(bytes.len(), HEADER_BYTES + 16);
        assert_eq!(Records::new(&bytes).collect::<Vec<_>>(), [(header, &b"hello world"[..])]);
        assert_eq!(Records::new(&bytes[..HEADER_BYTES + 9]).count(), 0, "a cut record is not one");
        assert_eq!(Records::new(&bytes[..HEADER_BYTES - 1]).count(), 0, "nor is a part of a header");
    }

    #[test]
    fn a_record_completed_in_place_is_as_one_that_was_appended() {
        let header = RecordHeader { len: 3, flags: 7, duration_nanos: 5, ..RecordHeader::default() };
        for len in 0..20 {
            let span = &b"0123456789abcdefghij"[..len];
            let mut appended = Vec::new();
            header.append_to(span, &mut appended);
            appended[..4].copy_from_slice(&(len as u32).to_le_bytes());
            let mut bytes = vec![0xff; HEADER_BYTES + len + Record::PADDING];
            let unfinished = RecordHeader { len: 9, duration_nanos: 9, ..header };
            unfinished.write_to(bytes.first_chunk_mut().unwrap());
            bytes[HEADER_BYTES..HEADER_BYTES + len].copy_from_slice(span);
            let record = Record::complete(&mut bytes, len as u32, 5).unwrap();
            assert_eq!((record.bytes(), record.span()), (&appended[..], span));
            assert_eq!(record.header(), RecordHeader { len: len as u32, ..header });
            assert_eq!(Records::new(&appended).next_whole(), Some(record));
            bytes.pop();
            assert_eq!(Record::complete(&mut bytes, len as u32, 5), None);
        }
    }
}
