//! What a dead process left: its segments, cursors and identity, taken over by whoever locks it first.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::claim::Claim;
use super::cursors::{CURSORS, Cursors};
use super::directory::Directory;
use super::error::SpoolError;
use super::identity::{IDENTITY, Identity};
use super::live::RING;
use super::moment::Moment;
use super::outcome::{Closed, Damage, EvictReason, Evicted, Found, Pending};
use super::quarantine::put_away;
use super::scan::{Hopeless, Scanned, scan};
use super::segment::{BadHeader, SUFFIX, Segment};
use super::store::Store;

/// What is appended to an orphan comes from a ring, which is not much larger.
const SEGMENT_SIZE: u64 = 8 << 20;

/// A dead process' directory. Dropping it leaves it to the next one who asks.
#[derive(Debug)]
pub(crate) struct Orphan {
    store: Store,
    claim: Claim,
    cursors: Cursors,
    /// Whether the file says less than `cursors`.
    unsaved: bool,
}

/// The directories below a base that may be orphans, the oldest first. Which are shows when they are opened.
pub(crate) fn orphans(base: &Path) -> impl Iterator<Item = PathBuf> {
    let mut found: Vec<(SystemTime, PathBuf)> = std::fs::read_dir(base)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_a_spool))
        .filter_map(|entry| {
            // Of the link itself, if somebody put one here.
            let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_dir)?;
            Some((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), entry.path()))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, path)| path)
}

/// Whether a directory is one tracer's, going by its name and what is always in it.
pub(crate) fn is_one_tracers(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(is_a_spool) && path.join(IDENTITY).is_file()
}

fn is_a_spool(name: &str) -> bool {
    name.split_once('-').is_some_and(|(process, random)| {
        process.parse::<u32>().is_ok() && random.len() == 16 && u64::from_str_radix(random, 16).is_ok()
    })
}

impl Orphan {
    /// Takes over a directory; `None` when a living process has it, or it is gone.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, SpoolError> {
        let path = std::path::absolute(path).map_err(|error| SpoolError::io("find", path, error))?;
        let directory = match Directory::private(&path) {
            Ok(directory) => directory,
            Err(SpoolError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Some(claim) = Claim::take(&directory)? else { return Ok(None) };
        claim.mark(true);
        let mut damage = Damage::default();
        let segments = find_segments(&directory, &mut damage)?;
        let identity = Identity::load(&directory);
        let cursors = Cursors::load(&directory);
        for (missing, name) in [(identity.is_none(), IDENTITY), (cursors.is_none(), CURSORS)] {
            // A process that was killed while it began has neither, and nothing else.
            damage.files +=
                u64::from(missing && (directory.length_of(name).is_some() || !segments.is_empty()));
        }
        let mut store = Store::new(directory, segments, SEGMENT_SIZE, false);
        if let Some(identity) = &identity {
            store.set_context(&identity.context);
        }
        store.damaged(damage);
        // Without cursors everything is sent again: twice is better than never.
        let cursors = cursors.unwrap_or_else(|| {
            Cursors::new(&identity.map(|identity| identity.destinations).unwrap_or_default())
        });
        Ok(Some(Self { store, claim, cursors, unsaved: false }))
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        self.store.directory().path()
    }

    /// Where the ring is, if there was one.
    pub(crate) fn ring_path(&self) -> PathBuf {
        self.directory().join(RING)
    }

    /// Removes the ring, once what it held was appended.
    pub(crate) fn remove_ring(&self) -> Result<(), SpoolError> {
        let directory = self.store.directory();
        directory.remove(RING).map_err(|error| directory.error_at("remove", RING, error))
    }

    /// Puts a ring that can't be read where somebody may look at it.
    pub(crate) fn put_ring_away(&self) -> Result<(), SpoolError> {
        let directory = self.store.directory();
        put_away(directory, RING).map_err(|error| directory.error_at("move", RING, error))
    }

    /// The keys of the destinations its tracer had; none when no file says so any more.
    pub(crate) fn destinations(&self) -> &[String] {
        &self.cursors.keys
    }

    /// The next sequence of a destination.
    pub(crate) fn cursor(&self, destination: usize) -> u64 {
        self.cursors.next.get(destination).copied().unwrap_or_default()
    }

    /// Remembers a destination's next sequence, then removes what all of them have. What can't be written holds for as
    /// long as this is open, and is written with the next.
    pub(crate) fn set_cursor(&mut self, destination: usize, next: u64) -> Result<(), SpoolError> {
        if let Some(cursor) = self.cursors.next.get_mut(destination)
            && *cursor < next
        {
            *cursor = next;
            self.unsaved = true;
        }
        if self.unsaved && self.cursors.save(self.store.directory()).is_err() {
            // Room for it may be what this frees.
            self.store.remove_below(self.cursors.lowest())?;
            self.cursors.save(self.store.directory())?;
        }
        self.unsaved = false;
        self.store.remove_below(self.cursors.lowest())
    }

    /// One more destination, so that nothing it lacks is removed, and how far it is outlives this process. Returns its
    /// number.
    pub(crate) fn add_destination(&mut self, key: &str, next: u64) -> usize {
        self.cursors.add(key, next);
        // A full disk may have room for it later.
        self.unsaved = self.cursors.save(self.store.directory()).is_err();
        self.cursors.keys.len() - 1
    }

    /// The latest context its tracer had: that of what is left in the ring.
    pub(crate) fn context(&self) -> &Arc<[u8]> {
        self.store.context()
    }

    /// The context of a batch, or of the next one.
    pub(crate) fn context_of(&self, sequence: u64) -> Option<Arc<[u8]>> {
        self.store.context_of(sequence)
    }

    /// The batch with this sequence, or the next one that is intact.
    pub(crate) fn read(&mut self, sequence: u64) -> Result<Found, SpoolError> {
        self.store.read(sequence)
    }

    /// How much there is from a sequence on.
    pub(crate) fn pending(&self, from: u64) -> Pending {
        self.store.pending(from)
    }

    /// What the next batch is to be called, so that no cursor is past it.
    pub(crate) fn next_sequence(&self) -> u64 {
        let after_last = self.store.last().map_or(0, |last| last.saturating_add(1));
        after_last.max(self.cursors.highest())
    }

    /// Appends what the ring still held, with the latest context. No limit applies: it is on this disk already.
    pub(crate) fn append(&mut self, sequence: u64, spans: u32, records: &[u8]) -> Result<(), SpoolError> {
        self.store.append(sequence, spans, records, Moment::now())
    }

    /// What its segments take.
    pub(crate) fn bytes(&self) -> u64 {
        self.store.bytes()
    }

    /// How old the newest batch of the oldest segment is; `None` without one, or when the clocks can't tell.
    pub(crate) fn age(&self, now: &Moment) -> Option<Duration> {
        self.store.age(now)
    }

    /// Gives up the oldest segment if everything in it is older than this.
    pub(crate) fn expire(&mut self, now: &Moment, max_age: Duration) -> Result<Option<Evicted>, SpoolError> {
        self.store.expire(now, max_age)
    }

    /// Gives up the oldest segment, because there is too much.
    pub(crate) fn evict_oldest(&mut self) -> Result<Option<Evicted>, SpoolError> {
        self.store.evict(EvictReason::MaxBytes)
    }

    /// The oldest batch there is.
    pub(crate) fn first(&self) -> Option<u64> {
        self.store.first()
    }

    /// Its disk, for tests to break.
    #[cfg(test)]
    pub(crate) fn disk(&self) -> super::Disk {
        super::Disk(Arc::clone(&self.store.directory().faults))
    }

    /// What was damaged since the last call.
    pub(crate) fn take_damage(&mut self) -> Damage {
        self.store.take_damage()
    }

    /// Removes the directory and all that is in it.
    pub(crate) fn remove(self) -> Result<Closed, SpoolError> {
        self.store.remove_all(self.claim)
    }
}

/// The segments that can be read, in order. The others are put away.
fn find_segments(directory: &Directory, damage: &mut Damage) -> Result<Vec<Segment>, SpoolError> {
    let mut segments: Vec<Segment> = Vec::new();
    let names = directory.names().map_err(|error| directory.error("list", error))?;
    for name in names.into_iter().filter(|name| name.ends_with(SUFFIX)) {
        let scanned = match directory.read_only(&name) {
            Ok(file) => scan(&file),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => continue,
                io::ErrorKind::InvalidInput => Err(Hopeless::Unreadable),
                _ => return Err(directory.error_at("open", &name, error)),
            },
        };
        match scanned {
            Ok(scanned) => segments.extend(accept(directory, name, scanned, damage)),
            Err(Hopeless::Unfinished) => {
                let bytes = directory.length_of(&name).unwrap_or_default();
                damage.add(Damage { tails: 1, bytes, ..Damage::default() });
                let _ = directory.remove(&name);
            }
            Err(Hopeless::Header(BadHeader::Version(version))) => {
                return Err(SpoolError::Format { path: directory.path().join(name), version });
            }
            Err(Hopeless::Header(BadHeader::Damaged) | Hopeless::Unreadable) => {
                refuse(directory, &name, directory.length_of(&name).unwrap_or_default(), damage);
            }
        }
    }
    segments.sort_by_key(|segment| segment.entries.first().map(|entry| entry.sequence));
    let mut in_order: Vec<Segment> = Vec::with_capacity(segments.len());
    for mut segment in segments {
        let first = segment.entries.first().map_or(0, |entry| entry.sequence);
        if let Some(previous) = in_order.last_mut().filter(|previous| previous.last() == first) {
            // A record that was taken back, written once more, and came back when the machine stopped.
            previous.entries.pop();
            if previous.entries.is_empty() {
                let _ = directory.remove(&previous.name);
                in_order.pop();
            }
        }
        match in_order.last() {
            // A copy of something that is here already.
            Some(previous) if first <= previous.last() => {
                refuse(directory, &segment.name, segment.bytes, damage);
            }
            previous => {
                if let Some(same) = previous.filter(|previous| previous.context == segment.context) {
                    segment.context = Arc::clone(&same.context);
                }
                in_order.push(segment);
            }
        }
    }
    Ok(in_order)
}

fn accept(directory: &Directory, name: String, scanned: Scanned, damage: &mut Damage) -> Option<Segment> {
    damage.add(scanned.damage);
    if scanned.entries.is_empty() {
        // Nothing but a torn record: the process ended while it began the segment.
        let torn = scanned.damage.records == 0;
        let _ = if torn { directory.remove(&name) } else { put_away(directory, &name) };
        return None;
    }
    let mut bytes = scanned.length;
    if let Some(at) = scanned.torn
        && cut(directory, &name, at).is_ok()
    {
        bytes = at;
    }
    Some(Segment {
        name,
        newest: scanned.header.created.plus(scanned.elapsed),
        header: scanned.header,
        context: scanned.context.into(),
        entries: scanned.entries,
        bytes,
        bad: Default::default(),
    })
}

fn cut(directory: &Directory, name: &str, at: u64) -> io::Result<()> {
    let file: File = directory.open_or_create(name)?;
    directory.truncate(&file, at)
}

/// Counts and puts away. What can't even be moved stays and is counted again next time; it stops nobody.
fn refuse(directory: &Directory, name: &str, bytes: u64, damage: &mut Damage) {
    damage.add(Damage { segments: 1, bytes, ..Damage::default() });
    let _ = put_away(directory, name);
}
