//! Reading segments that may be damaged: finds the records, then loads one at a time.

use std::fs::File;
use std::io;

use super::outcome::Damage;
use super::segment::{BadHeader, Entry, HEADER, Header, RECORD_HEADER, RecordHeader};

/// How much is read at a time while looking for headers.
const WINDOW: usize = 16 * 1024;

/// Bytes that can be read anywhere.
pub(super) trait Source {
    fn length(&self) -> io::Result<u64>;
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
}

#[cfg(unix)]
impl Source for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, at)
    }
}

impl Source for [u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(read)
    }
}

/// Fills the buffer; false when the source ends first.
fn read_full<S: Source + ?Sized>(source: &S, buffer: &mut [u8], at: u64) -> io::Result<bool> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match source.read_at(rest, at + done as u64) {
            Ok(0) => return Ok(false),
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// What a segment turned out to hold.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) header: Header,
    pub(super) context: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    /// Milliseconds from the header to the last record.
    pub(super) elapsed: u32,
    pub(super) length: u64,
    /// Where a record starts that was never written to its end.
    pub(super) torn: Option<u64>,
    pub(super) damage: Damage,
}

/// Why nothing of a segment can be used.
#[derive(Debug)]
pub(super) enum Hopeless {
    Header(BadHeader),
    /// It ends before its first record: the process ended while it began the segment.
    Unfinished,
    /// The disk does not give it back.
    Unreadable,
}

impl From<io::Error> for Hopeless {
    fn from(_: io::Error) -> Self {
        Self::Unreadable
    }
}

/// Finds the records by their headers. Payloads are checked when they are loaded.
pub(super) fn scan<S: Source + ?Sized>(source: &S) -> Result<Scanned, Hopeless> {
    const DAMAGED: Hopeless = Hopeless::Header(BadHeader::Damaged);
    let length = source.length()?;
    let mut head = [0; HEADER];
    if !read_full(source, &mut head, 0)? {
        return Err(Hopeless::Unfinished);
    }
    let header = Header::decode(&head).map_err(Hopeless::Header)?;
    let start = HEADER as u64 + u64::from(header.context_length);
    if start > length {
        return Err(Hopeless::Unfinished);
    }
    let mut context = vec![0; header.context_length as usize];
    if !read_full(source, &mut context, HEADER as u64)? || crc32fast::hash(&context) != header.context_sum {
        return Err(DAMAGED);
    }
    let mut scan = Scan {
        window: Window { source, buffer: Vec::new(), start: 0 },
        seal: header.seal,
        // Offsets have 32 bits; nothing we write comes near.
        length: length.min(u64::from(u32::MAX)),
        last: None,
    };
    let mut scanned = Scanned {
        header,
        context,
        entries: Vec::new(),
        elapsed: 0,
        length,
        torn: None,
        damage: Damage::default(),
    };
    scan.records(start, &mut scanned);
    Ok(scanned)
}

struct Scan<'a, S: ?Sized> {
    window: Window<'a, S>,
    seal: u32,
    length: u64,
    last: Option<u64>,
}

impl<S: Source + ?Sized> Scan<'_, S> {
    fn records(&mut self, start: u64, scanned: &mut Scanned) {
        let mut at = start;
        while at < self.length {
            let left = self.length - at;
            let header = RecordHeader::decode(self.window.from(at), self.seal);
            match header {
                Some(header) if u64::from(header.length) > left - RECORD_HEADER as u64 => {
                    // The header got there and the payload did not: the process ended in between.
                    scanned.torn = Some(at);
                    scanned.damage.add(Damage { tails: 1, bytes: left, ..Damage::default() });
                    return;
                }
                Some(header) => {
                    let whole = RECORD_HEADER as u64 + u64::from(header.length);
                    if self.follows(&header) {
                        self.last = Some(header.sequence);
                        scanned.elapsed = header.elapsed;
                        let (sequence, spans) = (header.sequence, header.spans);
                        scanned.entries.push(Entry { sequence, offset: at as u32, spans });
                    } else {
                        let spans = u64::from(header.spans);
                        scanned.damage.add(Damage { records: 1, spans, bytes: whole, ..Damage::default() });
                    }
                    at += whole;
                }
                None if left < RECORD_HEADER as u64 => {
                    scanned.torn = Some(at);
                    scanned.damage.add(Damage { tails: 1, bytes: left, ..Damage::default() });
                    return;
                }
                None => {
                    // Its length can't be trusted: look for the next header that can.
                    let next = self.resume(at + 1).unwrap_or(self.length);
                    scanned.damage.add(Damage { records: 1, bytes: next - at, ..Damage::default() });
                    at = next;
                }
            }
        }
    }

    fn follows(&self, header: &RecordHeader) -> bool {
        self.last.is_none_or(|last| header.sequence > last)
    }

    /// The first intact header from here on.
    fn resume(&mut self, mut at: u64) -> Option<u64> {
        loop {
            let (seal, length, last) = (self.seal, self.length, self.last);
            let bytes = self.window.from(at);
            let skipped = bytes.len().checked_sub(RECORD_HEADER - 1).filter(|skipped| *skipped > 0)?;
            let found = bytes.windows(RECORD_HEADER).zip(at..).find(|(window, at)| {
                RecordHeader::decode(window, seal).is_some_and(|header| {
                    at + RECORD_HEADER as u64 + u64::from(header.length) <= length
                        && last.is_none_or(|last| header.sequence > last)
                })
            });
            if let Some((_, found)) = found {
                return Some(found);
            }
            at += skipped as u64;
        }
    }
}

/// A buffer over a source, so that small records don't cost a system call each.
struct Window<'a, S: ?Sized> {
    source: &'a S,
    buffer: Vec<u8>,
    start: u64,
}

impl<S: Source + ?Sized> Window<'_, S> {
    /// What is at an offset: a record header's worth at least, unless the source ends or can't be read there.
    fn from(&mut self, at: u64) -> &[u8] {
        let inside = at.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let skip = match inside.filter(|skip| skip + RECORD_HEADER <= self.buffer.len()) {
            Some(skip) => skip,
            None => {
                self.fill(at);
                0
            }
        };
        self.buffer.get(skip..).unwrap_or_default()
    }

    fn fill(&mut self, at: u64) {
        self.start = at;
        self.buffer.resize(WINDOW, 0);
        let mut filled = 0;
        while let Some(rest) = self.buffer.get_mut(filled..).filter(|_| filled < RECORD_HEADER) {
            match self.source.read_at(rest, at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What can't be read is damaged; the scan goes by that.
                Err(_) => break,
            }
        }
        self.buffer.truncate(filled);
    }
}

/// Loads the payload of a record; `None` when it is damaged.
pub(super) fn load<S: Source + ?Sized>(source: &S, seal: u32, entry: Entry) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; RECORD_HEADER];
    if !read_full(source, &mut head, u64::from(entry.offset))? {
        return Ok(None);
    }
    let header = RecordHeader::decode(&head, seal)
        .filter(|header| header.sequence == entry.sequence && header.spans == entry.spans);
    let Some(header) = header else { return Ok(None) };
    let start = u64::from(entry.offset) + RECORD_HEADER as u64;
    // The file may be shorter than it was: nothing is allocated for what can't be there.
    if source.length()? < start + u64::from(header.length) {
        return Ok(None);
    }
    let mut records = vec![0; header.length as usize];
    let whole = read_full(source, &mut records, start)?;
    Ok((whole && crc32fast::hash(&records) == header.sum).then_some(records))
}

/// Reads any bytes as a segment, to the last record: for fuzzing. Answers how many records were intact.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub fn fuzz_segment(bytes: &[u8]) -> usize {
    let Ok(scanned) = scan(bytes) else { return 0 };
    let intact = |entry: &&Entry| matches!(load(bytes, scanned.header.seal, **entry), Ok(Some(_)));
    scanned.entries.iter().filter(intact).count()
}
