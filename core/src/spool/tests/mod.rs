//! The spool on real files, with real and injected faults.

mod adoption;
mod damage;
pub(in crate::spool) mod faults;
mod figures;
mod full;
mod limits;
mod round_trip;
mod safety;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Found, Orphan, Spool, SpoolOptions};
use crate::config::Fsync;

const CONTEXT: &[u8] = b"resource and scopes";

fn options(base: &Path) -> SpoolOptions {
    SpoolOptions {
        base: base.to_owned(),
        max_bytes: 64 << 20,
        max_age: Duration::from_secs(3600),
        segment_bytes: 8 << 20,
        min_free_bytes: 0,
        fsync: Fsync::Never,
    }
}

fn keys() -> Vec<String> {
    vec!["otlp http://a:4318".to_owned(), "zipkin http://b:9411".to_owned()]
}

fn spool(options: SpoolOptions) -> Spool {
    Spool::create(options, &keys(), CONTEXT).unwrap()
}

/// A payload that tells which batch it is, of a length of its own.
fn payload(sequence: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(sequence);
    (0..40 + sequence % 23).map(|_| random.u8(..)).collect()
}

fn spans(sequence: u64) -> u32 {
    sequence as u32 % 7 + 1
}

fn append(spool: &mut Spool, sequence: u64) {
    spool.append(sequence, spans(sequence), &payload(sequence)).unwrap();
}

/// Everything that a reader gets, from the start; each batch is checked against what was written.
fn sequences(mut read: impl FnMut(u64) -> Found) -> Vec<u64> {
    let (mut next, mut seen) = (0, Vec::new());
    while let Some(stored) = read(next).stored {
        assert_eq!(stored.records, payload(stored.sequence));
        assert_eq!(stored.spans, spans(stored.sequence));
        seen.push(stored.sequence);
        next = stored.sequence + 1;
    }
    seen
}

fn all(spool: &mut Spool) -> Vec<u64> {
    sequences(|from| spool.read(from).unwrap())
}

fn all_of(orphan: &mut Orphan) -> Vec<u64> {
    sequences(|from| orphan.read(from).unwrap())
}

/// Takes over a directory whose spool was dropped. A process that another test starts has its lock too, for the
/// moment before it becomes another program.
fn open(directory: &Path) -> Orphan {
    let start = Instant::now();
    loop {
        if let Some(orphan) = Orphan::open(directory).unwrap() {
            return orphan;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "nobody has it");
        std::thread::yield_now();
    }
}

fn segment_files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .collect();
    files.sort();
    files
}

/// What the files of a directory really take.
fn on_disk(directory: &Path) -> u64 {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}
