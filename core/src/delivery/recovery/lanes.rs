//! What a killed process had in its lanes: moved to its segments, or, where those have no room, read where it is.

use std::path::{Path, PathBuf};

use tracer_factory_ring::{Records, RecoverError, Recovered, recover};

use super::super::overlap::Newest;
use super::super::split::runs;
use crate::spool::{Orphan, SpoolError};

/// How large batches are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    pub(super) spans: usize,
}

/// Why a directory can't be taken over now.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Lanes(#[from] RecoverError),
}

/// Batches that are in no segment. They follow those that are.
pub(super) struct InLanes {
    path: PathBuf,
    newest: Newest,
    bounds: Bounds,
    first: u64,
    batches: Vec<Place>,
    open: Option<Open>,
}

/// Where one of them is.
#[derive(Clone, Copy)]
struct Place {
    lane: u64,
    /// Which of the lane's batches it is.
    run: usize,
    spans: u32,
}

/// One lane in memory, and those behind it.
struct Open {
    rest: Recovered,
    lane: u64,
    records: Vec<u8>,
}

/// Makes batches of what is in the lanes, and appends them while that works. The answer is what it did not work for: a
/// full disk is when a process is killed, and no reason to leave its spans there.
pub(super) fn empty(orphan: &mut Orphan, bounds: Bounds) -> Result<Option<InLanes>, NotTaken> {
    let path = orphan.ring_path();
    if !path.exists() {
        return Ok(None);
    }
    // Twice, and a lane at a time: together the lanes may be large.
    let opened = recover(&path).and_then(|ring| {
        let held = ring.flatten().map(|lane| lane.count).sum();
        Ok((recover(&path)?, held))
    });
    let (ring, held) = match opened {
        Ok(opened) => opened,
        Err(RecoverError::Unfinished { .. }) => {
            orphan.remove_ring()?;
            return Ok(None);
        }
        Err(error @ (RecoverError::NotARing { .. } | RecoverError::Header { .. })) => {
            tracing::warn!(error = %error, "the lanes of an earlier process are damaged, and were put into quarantine");
            orphan.put_ring_away()?;
            return Ok(None);
        }
        // Another attempt, or another release, may read it.
        Err(error) => return Err(error.into()),
    };
    for number in 0..orphan.destinations().len() {
        if let Some(cursor) = ring.owner().get(number) {
            // It holds for as long as this process has the directory, whether or not it could be written.
            let _ = orphan.set_cursor(number, *cursor);
        }
    }
    let newest = Newest::of(orphan, held);
    let (mut first, mut batches, mut all_read) = (0, Vec::new(), true);
    for lane in ring {
        let lane = match lane {
            Ok(lane) => lane,
            Err(error) => {
                tracing::warn!(error = %error, "a lane of an earlier process can't be read");
                all_read = false;
                continue;
            }
        };
        if let Some(damage) = lane.damage {
            tracing::warn!(path = %path.display(), ?damage, "a lane of an earlier process is damaged");
        }
        let records = newest.leave_out(lane.records);
        for (run, records) in runs(&records, bounds.bytes, bounds.spans).enumerate() {
            let spans = Records::new(records).count() as u32;
            let next = orphan.next_sequence();
            if batches.is_empty() {
                if orphan.append(next, spans, records).is_ok() {
                    continue;
                }
                first = next;
            }
            batches.push(Place { lane: lane.lane, run, spans });
        }
    }
    if !batches.is_empty() {
        return Ok(Some(InLanes { path, newest, bounds, first, batches, open: None }));
    }
    // A file that stays is read again after another kill, and what is in segments by then is left out.
    let _ = if all_read { orphan.remove_ring() } else { orphan.put_ring_away() };
    Ok(None)
}

impl InLanes {
    /// The first batch.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Whether a batch is here.
    pub(super) fn has(&self, sequence: u64) -> bool {
        self.place(sequence).is_some()
    }

    /// Spans from a sequence on.
    pub(super) fn pending(&self, from: u64) -> u64 {
        let passed = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.batches.iter().skip(passed).map(|place| u64::from(place.spans)).sum()
    }

    fn place(&self, sequence: u64) -> Option<Place> {
        let at = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.batches.get(at).copied()
    }

    /// How many spans a batch was found to have, and its records; `None` behind the last one.
    pub(super) fn read(&mut self, sequence: u64) -> Result<Option<(u32, Vec<u8>)>, RecoverError> {
        let Some(place) = self.place(sequence) else { return Ok(None) };
        self.load(place.lane)?;
        let records = self.open.as_ref().map_or(&[][..], |open| &open.records);
        let records = runs(records, self.bounds.bytes, self.bounds.spans).nth(place.run);
        Ok(Some((place.spans, records.unwrap_or_default().to_vec())))
    }

    /// Destinations mostly go from one lane to the next; one that is behind begins again.
    fn load(&mut self, lane: u64) -> Result<(), RecoverError> {
        let open = match self.open.take() {
            Some(open) if open.lane == lane => {
                self.open = Some(open);
                return Ok(());
            }
            Some(open) if open.lane < lane => open.rest,
            _ => recover(Path::new(&self.path))?,
        };
        let mut rest = open;
        while let Some(found) = rest.next() {
            // One that can't be read now was passed over before, unless it is the one that is wanted.
            let Ok(found) = found else { continue };
            if found.lane == lane {
                let records = self.newest.leave_out(found.records);
                self.open = Some(Open { rest, lane, records });
                break;
            }
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracer_factory_ring::{RecordHeader, RingFile};

    use super::super::super::ledger::Tally;
    use super::super::adopted::Adopted;
    use super::*;
    use crate::config::Fsync;
    use crate::spool::{Spool, SpoolOptions};

    const BOUNDS: Bounds = Bounds { bytes: 1 << 20, spans: 7 };

    /// What a process left that was killed with batches 0 and 1 in segments, and 30 spans in each of three lanes.
    fn killed(base: &Path) -> PathBuf {
        let options = SpoolOptions {
            base: base.to_owned(),
            max_bytes: 64 << 20,
            max_age: Duration::from_secs(3600),
            segment_bytes: 8 << 20,
            min_free_bytes: 0,
            fsync: Fsync::Never,
        };
        let mut spool = Spool::create(options, &["a".to_owned(), "b".to_owned()], b"").unwrap();
        let ring = RingFile::create(&spool.ring_path(), 4096, 1 << 20).unwrap();
        for lane in 0..3 {
            let (mut producer, _consumer) = ring.lane().unwrap().unwrap();
            for n in 0..30 {
                producer.push(&header(100 * lane + n), &[0; 8]);
            }
        }
        for sequence in 0..2 {
            let mut records = Vec::new();
            header(1000 + sequence).append_to(&[0; 8], &mut records);
            spool.append(sequence, 1, &records).unwrap();
        }
        ring.set_cursor(0, 1);
        spool.directory().to_owned()
    }

    fn header(n: u64) -> RecordHeader {
        RecordHeader { len: 8, start_unix_nanos: n, ..RecordHeader::default() }
    }

    fn open(directory: &Path) -> Orphan {
        let start = std::time::Instant::now();
        loop {
            // A process that another test starts has its lock too, for a moment.
            if let Some(orphan) = Orphan::open(directory).unwrap() {
                return orphan;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "nobody has it");
            std::thread::yield_now();
        }
    }

    /// The numbers of all spans that a destination gets.
    fn all(adopted: &mut Adopted, destination: usize) -> Vec<u64> {
        let (mut numbers, mut tally) = (Vec::new(), Tally::default());
        while let Some(recovered) = adopted.take(destination, &mut tally) {
            numbers.extend(recovered.batch.records().map(|(header, _)| header.start_unix_nanos));
            adopted.settle(destination, recovered.batch.len() as u64);
            adopted.finish(destination);
        }
        assert_eq!(tally, Tally::default(), "nothing is lost");
        numbers
    }

    fn in_lanes() -> Vec<u64> {
        (0..3).flat_map(|lane| (0..30).map(move |n| 100 * lane + n)).collect()
    }

    #[test]
    fn what_lanes_hold_follows_what_segments_have() {
        let base = tempfile::tempdir().unwrap();
        let mut orphan = open(&killed(base.path()));
        assert!(empty(&mut orphan, BOUNDS).unwrap().is_none());
        assert!(!orphan.ring_path().exists());
        let mut adopted = Adopted::new(orphan, None, ["a", "b"].into_iter(), false);
        assert_eq!(all(&mut adopted, 0), [vec![1001], in_lanes()].concat());
        assert_eq!(all(&mut adopted, 1), [vec![1000, 1001], in_lanes()].concat());
        assert!(adopted.is_done());
    }

    #[test]
    fn on_a_full_disk_they_are_delivered_from_where_they_are() {
        let base = tempfile::tempdir().unwrap();
        let mut orphan = open(&killed(base.path()));
        orphan.disk().fill();
        let lanes = empty(&mut orphan, BOUNDS).unwrap();
        assert!(orphan.ring_path().exists());
        // The third is a replay's, which can't get a cursor there.
        let mut adopted = Adopted::new(orphan, lanes, ["a", "b", "c"].into_iter(), true);
        assert!(adopted.is_in_lanes());
        assert_eq!([adopted.pending(0), adopted.pending(1), adopted.pending(2)], [91, 92, 92]);
        // One is behind another: a lane is read once more.
        let mut tally = Tally::default();
        for _ in 0..12 {
            let taken = adopted.take(1, &mut tally).unwrap();
            adopted.settle(1, taken.batch.len() as u64);
            adopted.finish(1);
        }
        assert_eq!(all(&mut adopted, 0), [vec![1001], in_lanes()].concat());
        assert_eq!(adopted.pending(0), 0);
        assert!(!adopted.is_done());
        assert_eq!(all(&mut adopted, 1).last(), Some(&229));
        assert_eq!(all(&mut adopted, 2), [vec![1000, 1001], in_lanes()].concat());
        assert!(adopted.is_done());
    }

    #[test]
    fn a_disk_that_fills_up_on_the_way_loses_nothing() {
        let base = tempfile::tempdir().unwrap();
        let directory = killed(base.path());
        // A process that was killed while it moved them had moved some.
        let mut orphan = open(&directory);
        let first = recover(&orphan.ring_path()).unwrap().next().unwrap().unwrap();
        let moved = runs(&first.records, 1 << 20, 11).next().unwrap();
        orphan.append(2, 11, moved).unwrap();
        orphan.disk().fill();
        let lanes = empty(&mut orphan, BOUNDS).unwrap();
        let mut adopted = Adopted::new(orphan, lanes, ["b"].into_iter(), false);
        assert_eq!(all(&mut adopted, 0), [vec![1000, 1001], in_lanes()].concat());
    }
}
