//! The files as a person finds them.

use std::time::Instant;

use super::*;
use crate::ids::{SpanContext, SpanId, TraceFlags, TraceId};
use crate::otlp::decode_json_request;

/// Removed with everything in it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let name = format!("tracer-dead-letter-{}-{:016x}", std::process::id(), fastrand::u64(..));
        Self(std::env::temp_dir().join(name))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }

    /// Every line of both files, older first.
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = self.read(DeadLetter::OLDER) + &self.read(DeadLetter::FILE);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn bytes(&self) -> usize {
        self.read(DeadLetter::OLDER).len() + self.read(DeadLetter::FILE).len()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn batch(ids: std::ops::Range<u64>, name: &str) -> Arc<Batch> {
    let spans: Vec<SpanData> = ids
        .map(|id| SpanData {
            context: SpanContext::new(TraceId::from_int(7), SpanId::from_int(id), TraceFlags::SAMPLED),
            name: name.to_owned(),
            ..SpanData::default()
        })
        .collect();
    Arc::new(Batch::from_spans(&spans))
}

fn letter(batch: Arc<Batch>) -> Letter {
    Letter { destination: "otlp http://h".to_owned(), error: "no".to_owned(), time: UNIX_EPOCH, batch }
}

#[test]
fn a_refused_batch_can_be_read_and_sent_again() {
    let directory = Directory::new();
    let dead_letter = DeadLetter::new(&directory.0, 1 << 20);
    assert!(!directory.0.exists(), "nothing was refused so far");
    let refused = batch(1..3, "op \u{1f980}\n");
    dead_letter.keep("otlp http://h:4318/v1/traces", "answered 400", &refused);
    dead_letter.close(Duration::from_secs(60));
    let lines = directory.lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line["destination"], "otlp http://h:4318/v1/traces");
    assert_eq!((&line["error"], &line["spans"]), (&"answered 400".into(), &2.into()));
    assert!(line["time"].as_str().unwrap().ends_with('Z'));
    let spans = decode_json_request(line["request"].to_string().as_bytes()).unwrap();
    assert_eq!(Batch::from_spans(&spans).otlp_request(), refused.otlp_request());
    assert_eq!(dead_letter.missed(), 0);
    dead_letter.keep("late", "late", &batch(1..4, "late"));
    assert_eq!((dead_letter.missed(), directory.lines().len()), (3, 1));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    fs::create_dir(&directory.0).unwrap();
    let path = directory.0.join(DeadLetter::FILE);
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let mut files = Files::new(&directory.0, DeadLetter::FILE, 2000);
    for id in 0..20 {
        assert_eq!(files.write(&letter(batch(id..id + 1, "op"))), 0);
    }
    for name in [DeadLetter::FILE, DeadLetter::OLDER] {
        let mode = fs::metadata(directory.0.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let fresh = directory.0.join("sub");
    access::create_directory(&fresh).unwrap();
    assert_eq!(fs::metadata(fresh).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn the_newest_stay_within_the_bytes() {
    let directory = Directory::new();
    let max = 8000;
    let mut files = Files::new(&directory.0, DeadLetter::FILE, max);
    for id in 0..200 {
        assert_eq!(files.write(&letter(batch(id..id + 1, "op"))), 0);
        assert!(directory.bytes() as u64 <= max);
    }
    assert!(directory.bytes() as u64 > max / 2, "no more goes than has to");
    let ids: Vec<String> = directory
        .lines()
        .iter()
        .map(|line| line["request"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"].to_string())
        .collect();
    let first = 200 - ids.len() as u64;
    let expected: Vec<String> = (first..200).map(|id| format!("\"{id:016x}\"")).collect();
    assert_eq!(ids, expected, "without a gap up to the last");
}

#[test]
fn a_batch_larger_than_a_file_is_cut_between_spans() {
    let directory = Directory::new();
    let mut files = Files::new(&directory.0, DeadLetter::FILE, 60_000);
    assert_eq!(files.write(&letter(batch(0..180, "op"))), 0);
    let spans: Vec<u64> = directory.lines().iter().map(|line| line["spans"].as_u64().unwrap()).collect();
    assert_eq!(spans, [90, 90]);
    let huge = "x".repeat(40_000);
    assert_eq!(files.write(&letter(batch(0..3, &huge))), 3, "each is too large alone");
    assert!(files.failing);
    assert_eq!(files.write(&letter(batch(0..1, "op"))), 0);
    assert!(!files.failing);
}

#[test]
fn an_earlier_process_s_lines_stay_and_its_torn_one_spoils_no_other() {
    let directory = Directory::new();
    Files::new(&directory.0, DeadLetter::FILE, 1 << 20).write(&letter(batch(0..1, "first")));
    let path = directory.0.join(DeadLetter::FILE);
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(b"{\"time\":").unwrap();
    Files::new(&directory.0, DeadLetter::FILE, 1 << 20).write(&letter(batch(0..1, "second")));
    let text = directory.read(DeadLetter::FILE);
    let whole: Vec<bool> =
        text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).collect();
    assert_eq!(whole, [true, false, true], "{text}");
}

/// As processes do that share a directory: each line is whole, and there once.
#[test]
fn several_writers_do_not_disturb_each_other() {
    let directory = Directory::new();
    for (max, kept) in [(1 << 20, 160), (6000, 0)] {
        let _ = fs::remove_dir_all(&directory.0);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let mut files = Files::new(&directory.0, DeadLetter::FILE, max);
                scope.spawn(move || {
                    for id in writer * 40..(writer + 1) * 40 {
                        assert_eq!(files.write(&letter(batch(id..id + 1, "op"))), 0);
                    }
                });
            }
        });
        let mut ids: Vec<String> = directory
            .lines()
            .iter()
            .map(|line| {
                line["request"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"].to_string()
            })
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "none is there twice");
        assert!(all >= kept.max(1) && directory.bytes() as u64 <= max, "{all}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_where_others_write_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    fs::create_dir(&directory.0).unwrap();
    fs::set_permissions(&directory.0, PermissionsExt::from_mode(0o777)).unwrap();
    assert_eq!(Files::new(&directory.0, DeadLetter::FILE, 1 << 20).write(&letter(batch(0..2, "op"))), 2);
    fs::set_permissions(&directory.0, PermissionsExt::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("elsewhere", directory.0.join(DeadLetter::FILE)).unwrap();
    assert_eq!(Files::new(&directory.0, DeadLetter::FILE, 1 << 20).write(&letter(batch(0..2, "op"))), 2);
    assert!(!directory.0.join("elsewhere").exists());
}

#[test]
fn where_nothing_can_be_written_delivery_goes_on() {
    let directory = Directory::new();
    fs::create_dir(&directory.0).unwrap();
    let in_the_way = directory.0.join("file");
    fs::write(&in_the_way, "").unwrap();
    let dead_letter = DeadLetter::new(in_the_way.join("below"), 1 << 20);
    for _ in 0..3 {
        dead_letter.keep("otlp", "no", &batch(0..2, "op"));
    }
    dead_letter.close(Duration::from_secs(60));
    assert_eq!(dead_letter.missed(), 6);
    fs::create_dir(directory.0.join(DeadLetter::FILE)).unwrap();
    assert_eq!(Files::new(&directory.0, DeadLetter::FILE, 1 << 20).write(&letter(batch(0..2, "op"))), 2);
}

/// A disk that takes no byte: whoever keeps a letter is not held up, and what did not fit is counted.
#[test]
fn a_disk_that_hangs_holds_nobody_up() {
    let directory = Directory::new();
    fs::create_dir(&directory.0).unwrap();
    let dead_letter = DeadLetter::new(&directory.0, 1 << 20);
    let (letters, received) = mpsc::sync_channel::<Letter>(WAITING);
    let (end, ended) = mpsc::sync_channel(0);
    *lock(&dead_letter.writer) = Writer::Running { letters, ended };
    for _ in 0..WAITING + 5 {
        dead_letter.keep("otlp", "no", &batch(0..2, "op"));
    }
    assert_eq!(dead_letter.missed(), 10);
    let start = Instant::now();
    dead_letter.close(Duration::from_millis(50));
    assert!(start.elapsed() >= Duration::from_millis(50), "it waited for the one that hangs");
    assert_eq!(received.iter().count(), WAITING);
    drop(end);
}

#[test]
fn dates() {
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_735_689_599, "2024-12-31T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(date_time(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
    }
}
