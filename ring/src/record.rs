//! The record: a fixed header of six words, then the bytes of one encoded span, padded to whole words.
//!
//! Everything after the recorder (lanes, queues, segments) moves records as they are. All words are little-endian.

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
    #[inline]
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

    /// As the words of a record of `len` bytes, whatever the header says.
    #[inline]
    pub(crate) fn to_words_of(self, len: u32) -> [u64; HEADER_WORDS] {
        let mut words = self.to_words();
        words[0] = words[0] >> 32 << 32 | u64::from(len);
        words
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
    #[inline]
    pub fn write_to(&self, block: &mut [u8; HEADER_BYTES]) {
        for (bytes, word) in block.as_chunks_mut::<8>().0.iter_mut().zip(self.to_words()) {
            *bytes = word.to_le_bytes();
        }
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

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut words = [0; HEADER_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.get(..HEADER_BYTES)?.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().ok()?);
        }
        Some(Self::from_words(words))
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
}

impl<'a> Iterator for Records<'a> {
    type Item = (RecordHeader, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let header = RecordHeader::read(self.rest)?;
        let span = self.rest.get(HEADER_BYTES..HEADER_BYTES + header.len as usize)?;
        self.rest = self.rest.get(HEADER_BYTES + (header.len as usize).next_multiple_of(8)..)?;
        Some((header, span))
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
    }
}
