//! The segments of one directory, in order: appending to the last, reading from any, removing the first.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::claim::{Claim, LOCK};
use super::directory::Directory;
use super::error::SpoolError;
use super::moment::Moment;
use super::outcome::{Closed, Damage, EvictReason, Evicted, Found, Pending, Stored};
use super::scan;
use super::segment::{self, Entry, Header, RECORD_HEADER, RecordHeader, Segment};

/// Segments kept open for reading: destinations that are at different places don't open files again and again.
const READERS: usize = 4;
/// The largest record, so that offsets fit into 32 bits.
const LARGEST_RECORD: usize = 1 << 30;

/// A directory's segments.
#[derive(Debug)]
pub(super) struct Store {
    directory: Directory,
    segments: VecDeque<Segment>,
    /// The last segment's file, while it is appended to.
    active: Option<Arc<File>>,
    readers: VecDeque<(u64, Arc<File>)>,
    context: Arc<[u8]>,
    segment_size: u64,
    bytes: u64,
    last: Option<u64>,
    damage: Damage,
    /// Files that were written since the last sync, by their first sequence; none are kept when nobody syncs.
    unsynced: Option<Unsynced>,
}

#[derive(Debug, Default)]
struct Unsynced {
    files: Vec<(u64, Arc<File>)>,
    names: bool,
}

impl Store {
    /// Over a directory, and the segments it was found to have.
    pub(super) fn new(directory: Directory, segments: Vec<Segment>, segment_size: u64, syncs: bool) -> Self {
        let segments = VecDeque::from(segments);
        Self {
            context: segments.back().map_or_else(Default::default, |last| Arc::clone(&last.context)),
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            last: segments.back().map(Segment::last),
            directory,
            segments,
            active: None,
            readers: VecDeque::new(),
            segment_size,
            damage: Damage::default(),
            unsynced: syncs.then(Unsynced::default),
        }
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The last sequence that was ever appended.
    pub(super) fn last(&self) -> Option<u64> {
        self.last
    }

    pub(super) fn damaged(&mut self, damage: Damage) {
        self.damage.add(damage);
    }

    pub(super) fn take_damage(&mut self) -> Damage {
        std::mem::take(&mut self.damage)
    }

    /// The context of what is appended from now on.
    pub(super) fn set_context(&mut self, context: &[u8]) {
        if *self.context != *context {
            self.context = context.into();
        }
    }
    pub(super) fn context(&self) -> &Arc<[u8]> {
        &self.context
    }

    /// Appends a record, whole or not at all.
    pub(super) fn append(
        &mut self,
        sequence: u64,
        spans: u32,
        records: &[u8],
        now: Moment,
    ) -> Result<(), SpoolError> {
        let path = || self.directory.path().to_owned();
        if let Some(last) = self.last.filter(|last| sequence <= *last) {
            return Err(SpoolError::Order { path: path(), sequence, last });
        }
        if records.len() > LARGEST_RECORD {
            return Err(SpoolError::TooLarge { path: path(), bytes: records.len() });
        }
        let (length, sum) = (records.len() as u32, crc32fast::hash(records));
        let record = RecordHeader { length, sum, spans, sequence, elapsed: 0 };
        let whole = RECORD_HEADER as u64 + u64::from(length);
        let fits = self.segments.back().is_some_and(|last| {
            Arc::ptr_eq(&last.context, &self.context) && last.bytes + whole <= self.segment_size
        });
        match self.active.clone().filter(|_| fits) {
            Some(file) => self.extend(&file, record, records, now)?,
            None => self.start(record, records, now)?,
        }
        self.last = Some(sequence);
        Ok(())
    }

    /// A new segment with its first record: no segment is ever without one.
    fn start(&mut self, record: RecordHeader, records: &[u8], now: Moment) -> Result<(), SpoolError> {
        let first = record.sequence;
        let name = segment::name(first);
        let (header, start) = Header::new(first, now, &self.context);
        let created = match self.directory.create(&name) {
            // What an earlier attempt at this sequence could not remove.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.directory.remove(&name).and_then(|()| self.directory.create(&name))
            }
            created => created,
        };
        let file = created.map_err(|error| self.directory.error_at("create", &name, error))?;
        let head = record.encode(header.seal);
        if let Err(error) = self.directory.write_at(&file, &[&start, &head, records], 0) {
            let _ = self.directory.remove(&name);
            return Err(self.directory.error_at("write", &name, error));
        }
        let bytes = (start.len() + head.len() + records.len()) as u64;
        let file = Arc::new(file);
        self.bytes += bytes;
        self.segments.push_back(Segment {
            name,
            header,
            context: Arc::clone(&self.context),
            entries: vec![Entry { sequence: first, offset: start.len() as u32, spans: record.spans }],
            bytes,
            newest: now,
            bad: BTreeSet::new(),
        });
        if let Some(unsynced) = &mut self.unsynced {
            unsynced.names = true;
            unsynced.files.push((first, Arc::clone(&file)));
        }
        self.active = Some(file);
        Ok(())
    }

    fn extend(
        &mut self,
        file: &Arc<File>,
        record: RecordHeader,
        records: &[u8],
        now: Moment,
    ) -> Result<(), SpoolError> {
        let Some(segment) = self.segments.back_mut() else { return Ok(()) };
        let elapsed = now.since(&segment.header.created).unwrap_or_default().as_millis();
        let record = RecordHeader { elapsed: u32::try_from(elapsed).unwrap_or(u32::MAX), ..record };
        let head = record.encode(segment.header.seal);
        if let Err(error) = self.directory.write_at(file, &[&head, records], segment.bytes) {
            let restored = self.directory.truncate(file, segment.bytes).is_ok();
            let error = self.directory.error_at("write", &segment.name, error);
            // A full disk is no reason to leave the segment; a broken one is. What could not be cut off is a torn
            // tail to whoever reads it, and counts as long as it is there.
            if !restored || !matches!(error, SpoolError::Full { .. }) {
                let length = self.directory.length_of(&segment.name).unwrap_or(segment.bytes);
                self.bytes += length.saturating_sub(segment.bytes);
                segment.bytes = segment.bytes.max(length);
                self.active = None;
            }
            return Err(error);
        }
        let offset = segment.bytes as u32;
        segment.entries.push(Entry { sequence: record.sequence, offset, spans: record.spans });
        segment.newest = now;
        let bytes = (head.len() + records.len()) as u64;
        segment.bytes += bytes;
        self.bytes += bytes;
        let first = segment.header.first;
        if let Some(unsynced) = &mut self.unsynced
            && unsynced.files.last().is_none_or(|(last, _)| *last != first)
        {
            unsynced.files.push((first, Arc::clone(file)));
        }
        Ok(())
    }

    /// What comes next goes to a file of its own.
    pub(super) fn leave_segment(&mut self) {
        self.active = None;
    }

    /// Takes the newest record back; `before` is what was the last one until it came. What comes next goes to another
    /// file in any case.
    pub(super) fn take_back(&mut self, before: Option<u64>) -> Result<(), SpoolError> {
        let active = self.active.take();
        let Some(segment) = self.segments.back_mut() else { return Ok(()) };
        let at = |doing, error| self.directory.error_at(doing, &segment.name, error);
        match (segment.entries.as_slice(), active) {
            // No segment is ever without a record.
            ([_], _) => {
                self.directory.remove(&segment.name).map_err(|error| at("remove", error))?;
                self.bytes = self.bytes.saturating_sub(segment.bytes);
                self.segments.pop_back();
            }
            ([.., newest], Some(file)) => {
                let end = u64::from(newest.offset);
                self.directory.truncate(&file, end).map_err(|error| at("cut", error))?;
                segment.entries.pop();
                self.bytes = self.bytes.saturating_sub(segment.bytes.saturating_sub(end));
                segment.bytes = end;
            }
            (_, None) | ([], _) => return Err(at("cut", io::ErrorKind::NotFound.into())),
        }
        self.last = before;
        Ok(())
    }

    /// The batch with this sequence, or the next one that is intact.
    pub(super) fn read(&mut self, from: u64) -> Result<Found, SpoolError> {
        let mut found = Found::default();
        let mut next = Some(from);
        while let Some((at, entry)) = next.and_then(|from| self.find(from)) {
            if let Some(records) = self.load(at, entry)? {
                found.stored = Some(Stored { sequence: entry.sequence, spans: entry.spans, records });
                break;
            }
            found.lost.push(entry.batch());
            next = entry.sequence.checked_add(1);
        }
        Ok(found)
    }

    fn find(&self, from: u64) -> Option<(usize, Entry)> {
        let at = self.segments.partition_point(|segment| segment.last() < from);
        Some((at, self.segments.get(at)?.find(from)?))
    }

    fn load(&mut self, at: usize, entry: Entry) -> Result<Option<Vec<u8>>, SpoolError> {
        let file = self.reader(at);
        let Some(segment) = self.segments.get_mut(at) else { return Ok(None) };
        if segment.bad.contains(&entry.sequence) {
            return Ok(None);
        }
        let loaded = match file {
            Ok(file) => scan::load(&*file, segment.header.seal, entry),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let entries = &segment.entries;
                segment.bad = entries.iter().map(|entry| entry.sequence).collect();
                let spans = entries.iter().map(|entry| u64::from(entry.spans)).sum();
                let records = entries.len() as u64;
                self.damage.add(Damage {
                    segments: 1,
                    records,
                    spans,
                    bytes: segment.bytes,
                    ..Damage::default()
                });
                return Ok(None);
            }
            Err(error) => Err(error),
        };
        let loaded = loaded.map_err(|source| SpoolError::Unreadable {
            path: self.directory.path().join(&segment.name),
            sequence: entry.sequence,
            spans: entry.spans,
            source,
        })?;
        if loaded.is_none() {
            segment.bad.insert(entry.sequence);
            let next = entry.sequence.checked_add(1).and_then(|next| segment.find(next));
            let end = next.map_or(segment.bytes, |next| u64::from(next.offset));
            let bytes = end.saturating_sub(u64::from(entry.offset));
            let spans = u64::from(entry.spans);
            self.damage.add(Damage { records: 1, spans, bytes, ..Damage::default() });
        }
        Ok(loaded)
    }

    fn reader(&mut self, at: usize) -> io::Result<Arc<File>> {
        let Some(segment) = self.segments.get(at) else { return Err(io::ErrorKind::NotFound.into()) };
        if let Some(active) = self.active.as_ref().filter(|_| at + 1 == self.segments.len()) {
            return Ok(Arc::clone(active));
        }
        let first = segment.header.first;
        if let Some((_, file)) = self.readers.iter().find(|(of, _)| *of == first) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.directory.read_only(&segment.name)?);
        if self.readers.len() == READERS {
            self.readers.pop_front();
        }
        self.readers.push_back((first, Arc::clone(&file)));
        Ok(file)
    }

    /// What was recorded with a batch, or with the next one.
    pub(super) fn context_of(&self, sequence: u64) -> Option<Arc<[u8]>> {
        let (at, _) = self.find(sequence)?;
        Some(Arc::clone(&self.segments.get(at)?.context))
    }

    /// How much there is from a sequence on, damaged or not.
    pub(super) fn pending(&self, from: u64) -> Pending {
        let mut pending = Pending::default();
        let at = self.segments.partition_point(|segment| segment.last() < from);
        for entry in self.segments.iter().skip(at).flat_map(|segment| &segment.entries) {
            if entry.sequence >= from {
                pending.batches += 1;
                pending.spans += u64::from(entry.spans);
            }
        }
        pending
    }

    /// The oldest sequence there is.
    pub(super) fn first(&self) -> Option<u64> {
        self.segments.front()?.entries.first().map(|entry| entry.sequence)
    }

    /// True when there is anything from a sequence on.
    pub(super) fn has(&self, from: u64) -> bool {
        self.find(from).is_some()
    }

    /// Removes the segments that lie wholly below a sequence.
    pub(super) fn remove_below(&mut self, sequence: u64) -> Result<(), SpoolError> {
        while self.segments.front().is_some_and(|oldest| oldest.last() < sequence) {
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Gives up the oldest segment.
    pub(super) fn evict(&mut self, reason: EvictReason) -> Result<Option<Evicted>, SpoolError> {
        let evicted = self.remove_oldest()?;
        Ok(evicted
            .map(|segment| Evicted { batches: segment.entries.iter().map(Entry::batch).collect(), reason }))
    }

    /// Gives up the oldest segment when even its newest batch is too old.
    pub(super) fn expire(&mut self, now: &Moment, max_age: Duration) -> Result<Option<Evicted>, SpoolError> {
        match self.age(now) {
            Some(age) if age > max_age => self.evict(EvictReason::Age),
            _ => Ok(None),
        }
    }

    /// The age of the oldest segment's newest batch.
    pub(super) fn age(&self, now: &Moment) -> Option<Duration> {
        now.since(&self.segments.front()?.newest)
    }

    fn remove_oldest(&mut self) -> Result<Option<Segment>, SpoolError> {
        let Some(oldest) = self.segments.front() else { return Ok(None) };
        let removed = self.directory.remove(&oldest.name);
        removed.map_err(|error| self.directory.error_at("remove", &oldest.name, error))?;
        let first = oldest.header.first;
        self.bytes = self.bytes.saturating_sub(oldest.bytes);
        self.readers.retain(|(of, _)| *of != first);
        if let Some(unsynced) = &mut self.unsynced {
            unsynced.files.retain(|(of, _)| *of != first);
        }
        let removed = self.segments.pop_front();
        if self.segments.is_empty() {
            self.active = None;
        }
        Ok(removed)
    }

    /// Hands out what was written since the last time.
    pub(super) fn take_unsynced(&mut self) -> Option<super::unsynced::Unsynced> {
        let unsynced =
            self.unsynced.as_mut().filter(|unsynced| !unsynced.files.is_empty() || unsynced.names)?;
        let Unsynced { files, names } = std::mem::take(unsynced);
        Some(super::unsynced::Unsynced {
            files: files.into_iter().map(|(_, file)| file).collect(),
            directory: names.then(|| self.directory.handle()),
            path: self.directory.path().to_owned(),
            #[cfg(test)]
            faults: Arc::clone(&self.directory.faults),
        })
    }

    /// Removes the directory with everything in it, the lock last.
    pub(super) fn remove_all(self, claim: Claim) -> Result<Closed, SpoolError> {
        let directory = &self.directory;
        let names = directory.names().map_err(|error| directory.error("list", error))?;
        for name in names.iter().map(String::as_str).filter(|name| *name != LOCK).chain([LOCK]) {
            directory.remove(name).map_err(|error| directory.error_at("remove", name, error))?;
        }
        let removed = std::fs::remove_dir(directory.path());
        drop(claim);
        match removed {
            Ok(()) => Ok(Closed::Removed),
            // Without its lock, somebody who looks for orphans took it for one: it removes what is left, or has.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) =>
            {
                Ok(Closed::Removed)
            }
            Err(error) => Err(directory.error("remove", error)),
        }
    }
}
