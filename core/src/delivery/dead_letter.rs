//! What was refused for good, kept in a bounded file for a person to look at or send again.
//!
//! One JSON object a line: when, which destination, why, how many spans, and the request as OTLP JSON.

mod access;
mod lasting;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

pub(crate) use lasting::LastingLetter;

use super::batch::Batch;
use crate::lock::lock;
use crate::otlp::request_to_json;
use crate::span::SpanData;

/// Batches that may wait for the disk. One that finds no place is not kept, and counted.
const WAITING: usize = 16;

/// A refused batch.
struct Letter {
    destination: String,
    error: String,
    time: SystemTime,
    batch: Arc<Batch>,
}

/// The file, written by a thread that exists once something was refused. Delivery never waits for it.
pub(crate) struct DeadLetter {
    directory: PathBuf,
    max_bytes: u64,
    missed: Arc<AtomicU64>,
    writer: Mutex<Writer>,
}

#[derive(Default)]
enum Writer {
    #[default]
    Idle,
    Running {
        letters: SyncSender<Letter>,
        /// Closed when the thread has ended.
        ended: mpsc::Receiver<()>,
    },
    Closed,
}

impl DeadLetter {
    /// What is being written.
    pub(crate) const FILE: &str = "dead-letter.jsonl";
    /// What was written before; it goes when the newer one is full.
    pub(crate) const OLDER: &str = "dead-letter.older.jsonl";

    /// At most `max_bytes` in both files in `directory`. Touches no disk yet.
    pub(crate) fn new(directory: impl Into<PathBuf>, max_bytes: u64) -> Self {
        Self { directory: directory.into(), max_bytes, missed: Arc::default(), writer: Mutex::default() }
    }

    /// Keeps a batch that `destination` refused, where that is possible. Returns at once.
    pub(crate) fn keep(&self, destination: &str, error: &str, batch: &Arc<Batch>) {
        let letter = Letter {
            destination: destination.to_owned(),
            error: error.to_owned(),
            time: SystemTime::now(),
            batch: Arc::clone(batch),
        };
        let mut writer = lock(&self.writer);
        if let Writer::Idle = *writer {
            *writer = self.start();
        }
        let kept = match &*writer {
            Writer::Running { letters, .. } => letters.try_send(letter).is_ok(),
            Writer::Idle | Writer::Closed => false,
        };
        if !kept {
            self.missed.fetch_add(batch.len() as u64, Relaxed);
        }
    }

    fn start(&self) -> Writer {
        let (letters, received) = mpsc::sync_channel::<Letter>(WAITING);
        let (end, ended) = mpsc::sync_channel(0);
        let mut files = Files::new(&self.directory, Self::FILE, self.max_bytes);
        let missed = Arc::clone(&self.missed);
        let thread = std::thread::Builder::new().name("tracer-refused".to_owned()).spawn(move || {
            crate::recorder::suppress_this_thread();
            for letter in received {
                missed.fetch_add(files.write(&letter), Relaxed);
            }
            drop(end);
        });
        match thread {
            Ok(_) => Writer::Running { letters, ended },
            Err(error) => {
                tracing::warn!(%error, "refused spans are not kept: no thread could be started");
                Writer::Closed
            }
        }
    }

    /// Refused spans that are not in the files: the disk was too slow, full, or not there.
    fn missed(&self) -> u64 {
        self.missed.load(Relaxed)
    }

    /// Waits for what is being written, at most so long. Nothing is kept afterwards.
    pub(crate) fn close(&self, deadline: Duration) {
        let writer = std::mem::replace(&mut *lock(&self.writer), Writer::Closed);
        if let Writer::Running { letters, ended } = writer {
            drop(letters);
            // An error says that the thread has ended, or that the time is up.
            let _ = ended.recv_timeout(deadline);
        }
        let missed = self.missed();
        if missed > 0 {
            tracing::warn!(spans = missed, "refused spans could not be kept for inspection");
        }
    }
}

/// The two files. Each may have half of the bytes. Other processes may write to them as well, and so nothing is
/// kept open or remembered from one line to the next.
struct Files {
    directory: PathBuf,
    name: &'static str,
    half: u64,
    failing: bool,
}

impl Files {
    fn new(directory: &Path, name: &'static str, max_bytes: u64) -> Self {
        Self { directory: directory.to_owned(), name, half: max_bytes / 2, failing: false }
    }

    fn path(&self) -> PathBuf {
        self.directory.join(self.name)
    }

    /// How many spans could not be written. A failure is said once, until something is written again.
    fn write(&mut self, letter: &Letter) -> u64 {
        let spans: Vec<SpanData> = letter.batch.decode().collect();
        let (missed, result) = self.write_spans(letter, spans);
        match result {
            Ok(()) => self.failing = false,
            Err(error) if !std::mem::replace(&mut self.failing, true) => {
                let path = self.path();
                tracing::warn!(path = %path.display(), %error, "refused spans are not kept");
            }
            Err(_) => {}
        }
        missed
    }

    /// A line of its own for each half, where one line would be larger than a file may be.
    fn write_spans(&self, letter: &Letter, spans: Vec<SpanData>) -> (u64, io::Result<()>) {
        let count = spans.len();
        let line = line(letter, spans.iter().cloned());
        if line.len() as u64 <= self.half {
            let result = self.append(&line);
            return (if result.is_err() { count as u64 } else { 0 }, result);
        }
        if count < 2 {
            let what = format!("a span takes {} bytes, and a file may have {}", line.len(), self.half);
            return (count as u64, Err(io::Error::other(what)));
        }
        drop(line);
        let mut left = spans;
        let right = left.split_off(count / 2);
        let (missed_left, left) = self.write_spans(letter, left);
        let (missed_right, right) = self.write_spans(letter, right);
        (missed_left + missed_right, left.and(right))
    }

    fn append(&self, line: &[u8]) -> io::Result<()> {
        /// How often other processes may be faster.
        const ATTEMPTS: u32 = 100;
        let path = self.path();
        access::create_directory(&self.directory)?;
        for _ in 0..ATTEMPTS {
            let mut file = access::Locked::open(&path)?;
            if !file.is_at(&path) {
                // Between opening and locking, somebody has moved it away.
                continue;
            }
            let length = mend(&mut file)?;
            if length > 0 && length + line.len() as u64 > self.half {
                fs::rename(&path, self.directory.join(DeadLetter::OLDER))?;
                continue;
            }
            if let Err(error) = file.write_all(line) {
                // Half a line would spoil the next one.
                file.set_len(length)?;
                return Err(error);
            }
            return Ok(());
        }
        Err(io::Error::other("other processes keep moving it away"))
    }
}

/// Where the next line begins: behind the last one, which is cut off when its writer was killed.
fn mend(file: &mut File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(0);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        return Ok(length);
    }
    file.write_all(b"\n")?;
    Ok(length + 1)
}

fn line(letter: &Letter, spans: impl ExactSizeIterator<Item = SpanData>) -> Vec<u8> {
    let count = spans.len();
    let object = json!({
        "time": date_time(letter.time),
        "destination": letter.destination,
        "error": letter.error,
        "spans": count,
        "request": request_to_json(spans),
    });
    let mut line = object.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// RFC 3339, in UTC, to the second.
fn date_time(time: SystemTime) -> String {
    const DAY: u64 = 24 * 60 * 60;
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (mut day, second) = (seconds / DAY, seconds % DAY);
    let leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for days in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{:02}Z", day + 1, second % 60)
}

#[cfg(test)]
mod tests;
