//! What a kill finds in the files when lanes are few, small or full, and where spans go for which a lane has no room.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tracer_factory_core::config::{Overflow, SpoolDirectory, TracerConfig, TracerType};
use tracer_factory_core::delivery::{Batch, BoxFuture, Connected, DeliveryError, Destination, Outcome, Plan};
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::replay::replay;
use tracer_factory_core::tracer::BaseTracer;

const PATIENCE: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

/// A receiver that is there or is not, and can hold the delivery thread up.
#[derive(Clone, Default)]
struct Receiver {
    up: Arc<AtomicBool>,
    names: Arc<Mutex<Vec<String>>>,
    /// Whether delivery is to stand still, and whether it does.
    still: Arc<(Mutex<(bool, bool)>, Condvar)>,
}

impl Receiver {
    fn plan(&self) -> Plan {
        let destination = self.clone();
        Plan::new("receiver", "test://receiver".to_owned(), move || Ok(Connected::new(destination)))
    }

    fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }

    fn stand_still(&self, still: bool) {
        self.still.0.lock().unwrap().0 = still;
        self.still.1.notify_all();
    }

    fn wait_until_still(&self) {
        drop(self.still.1.wait_while(self.still.0.lock().unwrap(), |(_, does)| !*does).unwrap());
    }
}

impl Destination for Receiver {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        let (lock, changed) = &*self.still;
        let mut still = lock.lock().unwrap();
        while still.0 {
            still.1 = true;
            changed.notify_all();
            still = changed.wait(still).unwrap();
        }
        drop(still);
        let outcome = if self.up.load(Relaxed) {
            self.names.lock().unwrap().extend(batch.decode().map(|span| span.name));
            Outcome::all()
        } else {
            Outcome::Retry { after: None, error: DeliveryError::new("test://", "nobody there") }
        };
        Box::pin(std::future::ready(outcome))
    }
}

fn config(directory: &Path, change: impl FnOnce(&mut TracerConfig)) -> TracerConfig {
    TracerConfig::builder()
        .tracer_type(TracerType::Console)
        .service_name("lanes")
        .with(|config| {
            config.delivery.schedule_delay = Duration::from_millis(20);
            config.delivery.shutdown_timeout = Duration::from_millis(200);
            config.delivery.spool.directory = SpoolDirectory::At(directory.to_owned());
        })
        .with(change)
        .build()
}

fn tracer(config: &TracerConfig, receiver: &Receiver) -> RecordingTracer {
    RecordingTracer::with_plans(config, vec![receiver.plan()]).unwrap()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

/// What the next process would find if this one were killed now: each name once.
fn after_a_kill(base: &Path, config: &TracerConfig) -> HashSet<String> {
    let copy = TempDir::new().unwrap();
    let [own] = tracers(base).try_into().unwrap();
    let place = copy.path().join(own.file_name().unwrap());
    fs::DirBuilder::new().mode(0o700).create(&place).unwrap();
    // The lanes first: what moves from there to a segment meanwhile is then in both, and not in neither.
    let mut names: Vec<_> = fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort_by_key(|name| name != "ring");
    for name in names {
        // A segment may go meanwhile, with nothing in it that is not elsewhere.
        let _ = fs::copy(own.join(&name), place.join(&name));
    }
    let receiver = Receiver::default();
    receiver.up.store(true, Relaxed);
    replay(config, vec![receiver.plan()], copy.path(), PATIENCE).unwrap();
    let names = receiver.names();
    let different: HashSet<_> = names.iter().cloned().collect();
    assert_eq!(names.len(), different.len(), "none twice");
    different
}

fn tracers(base: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(base).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir() && !path.ends_with("refused")).collect()
}

fn large(tracer: &RecordingTracer, name: &str, bytes: usize) {
    tracer.trace_context(name).set_attribute("prompt", "many words ".repeat(bytes / 11).as_str());
}

#[test]
fn a_span_as_large_as_its_lane_survives_a_kill_at_once() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), |config| config.delivery.schedule_delay = HOUR);
    let tracer = tracer(&config, &Receiver::default());
    large(&tracer, "large", (1 << 20) - 1000);
    assert_eq!(after_a_kill(directory.path(), &config), HashSet::from(["large".to_owned()]));
}

#[test]
fn large_spans_after_each_other_make_room_for_each_other() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), |config| {
        config.delivery.schedule_delay = HOUR;
        config.delivery.overflow = Overflow::Block;
    });
    let tracer = tracer(&config, &Receiver::default());
    let mut expected = HashSet::new();
    for n in 0..6 {
        // The second of them finds less than half of the lane used, and yet too much.
        let (name, bytes) = (n.to_string(), if n % 2 == 0 { 300_000 } else { 900_000 });
        large(&tracer, &name, bytes);
        expected.insert(name);
        assert_eq!(after_a_kill(directory.path(), &config), expected);
    }
    let report = tracer.report();
    assert_eq!((report.accepted, report.destinations[0].pending), (6, 6), "{report:?}");
}

#[test]
fn threads_that_are_gone_give_their_lanes_back_while_nothing_can_be_delivered() {
    const THREADS: usize = 300;
    let directory = TempDir::new().unwrap();
    // Eight lanes.
    let config = config(directory.path(), |config| config.delivery.spool.max_bytes = 1 << 20);
    let tracer = tracer(&config, &Receiver::default());
    for n in 0..THREADS {
        std::thread::scope(|scope| {
            scope.spawn(|| drop(tracer.trace_context(&n.to_string())));
        });
    }
    wait_for("lanes on disk for everyone", || tracer.health().exposed.is_none());
    let report = tracer.report();
    assert_eq!((report.accepted, report.destinations[0].pending), (THREADS as u64, THREADS as u64));
    assert_eq!(after_a_kill(directory.path(), &config).len(), THREADS);
    // Lanes are there for whoever comes now.
    std::thread::scope(|scope| {
        scope.spawn(|| drop(tracer.trace_context("last"))).join().unwrap();
    });
    assert_eq!(tracer.health().exposed, None);
}

#[test]
fn more_threads_than_lanes_are_told_of_and_their_spans_go_to_the_disk_soon() {
    const THREADS: usize = 12;
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), |config| config.delivery.spool.max_bytes = 1 << 20);
    let tracer = tracer(&config, &Receiver::default());
    std::thread::scope(|scope| {
        let (done, all_done) = mpsc::channel();
        let mut hold = Vec::new();
        for n in 0..THREADS {
            let (end, ended) = mpsc::channel::<()>();
            let (done, tracer) = (done.clone(), &tracer);
            scope.spawn(move || {
                drop(tracer.trace_context(&n.to_string()));
                done.send(()).unwrap();
                let _ = ended.recv();
            });
            all_done.recv_timeout(PATIENCE).unwrap();
            hold.push(end);
        }
        let why = tracer.health().exposed.unwrap();
        assert!(why.starts_with("4 threads record into memory: all 8 lanes in "), "{why}");
        assert!(why.contains("TRACER_SPOOL_MAX_BYTES"), "{why}");
        let all = || after_a_kill(directory.path(), &config).len() == THREADS;
        wait_for("everything on disk although every thread lives", all);
    });
    wait_for("nobody in memory", || tracer.health().exposed.is_none());
}

/// A disk that has room for nothing more until its filler goes.
struct Disk(TempDir);

impl Disk {
    /// `None` where mounting is not allowed.
    fn mount() -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"]).arg(directory.path());
        mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success()).then_some(Self(directory))
    }

    fn fill(&self) {
        let mut filler = fs::File::create(self.0.path().join("filler")).unwrap();
        while filler.write(&[1; 4096]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_of_until_it_has_room() {
    let Some(disk) = Disk::mount() else {
        println!("not allowed to mount a small disk");
        return;
    };
    let config = config(&disk.0.path().join("spool"), |config| config.delivery.spool.max_bytes = 1 << 20);
    let tracer = tracer(&config, &Receiver::default());
    drop(tracer.trace_context("on disk"));
    assert_eq!(tracer.health().exposed, None);
    disk.fill();
    let of_another_thread = |name: &str| {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                drop(tracer.trace_context(name));
                tracer.health().exposed
            });
            thread.join().unwrap()
        })
    };
    let why = of_another_thread("in memory").unwrap();
    assert!(why.starts_with("1 thread records into memory: ") && why.contains("No space left"), "{why}");
    fs::remove_file(disk.0.path().join("filler")).unwrap();
    wait_for("its spans to leave the lane", || tracer.health().exposed.is_none());
    assert_eq!(of_another_thread("on disk again"), None);
    assert_eq!(tracer.report().destinations[0].pending, 3);
}

#[test]
fn where_no_file_can_be_it_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let tracer = tracer(&config(file.path(), |_| {}), &Receiver::default());
    let why = tracer.health().exposed.unwrap();
    assert!(why.contains(file.path().to_str().unwrap()), "{why}");
    let off = config(file.path(), |config| config.delivery.spool.directory = SpoolDirectory::Off);
    let receiver = Receiver::default();
    let meant = RecordingTracer::with_plans(&off, vec![receiver.plan()]).unwrap();
    drop(meant.trace_context("in memory"));
    assert_eq!(meant.health().exposed, None);
}

/// Records `0000` and on until delivery has stood still for longer than a full lane is waited for.
fn record_while_delivery_stands_still(
    receiver: &Receiver,
    spans: usize,
    change: impl FnOnce(&mut TracerConfig),
) -> (TempDir, RecordingTracer) {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), |config| {
        config.delivery.lane_bytes = 64 << 10;
        config.delivery.shutdown_timeout = PATIENCE;
        change(config);
    });
    receiver.up.store(true, Relaxed);
    let tracer = tracer(&config, receiver);
    receiver.stand_still(true);
    drop(tracer.trace_context("first"));
    tracer.flush(Duration::ZERO);
    receiver.wait_until_still();
    for n in 0..spans {
        drop(tracer.trace_context(&format!("{n:04}")));
    }
    (directory, tracer)
}

#[test]
fn what_a_full_lane_does_not_take_waits_in_memory() {
    let receiver = Receiver::default();
    let (_directory, tracer) = record_while_delivery_stands_still(&receiver, 3000, |_| {});
    // More than two lanes full.
    receiver.stand_still(false);
    let report = tracer.teardown();
    assert!(report.is_complete() && report.accepted == 3001, "{report:?}");
    assert_eq!(receiver.names().into_iter().collect::<HashSet<_>>().len(), 3001);
}

#[test]
fn of_what_waits_in_memory_the_oldest_goes_first_and_is_counted() {
    let receiver = Receiver::default();
    let small = |config: &mut TracerConfig| config.delivery.queue_bytes = 32 << 10;
    let (_directory, tracer) = record_while_delivery_stands_still(&receiver, 3000, small);
    receiver.stand_still(false);
    let report = tracer.teardown();
    assert!(report.adds_up(), "{report:?}");
    let lost = report.destinations[0].dropped["lane_full"];
    let names = receiver.names();
    assert_eq!(names.len() as u64 + lost, 3001, "{report:?}");
    assert!(lost > 500, "{report:?}");
    // What the lane took, then a gap, then the newest.
    let numbers: Vec<u64> = names.iter().filter_map(|name| name.parse().ok()).collect();
    let in_lane = numbers.iter().zip(0..).take_while(|(number, at)| **number == *at).count() as u64;
    let rest: Vec<u64> = (in_lane + lost..3000).collect();
    assert!(numbers[in_lane as usize..] == rest, "{in_lane} {lost}");
}

#[test]
fn who_drops_drops_the_newest_at_once() {
    let receiver = Receiver::default();
    let drops = |config: &mut TracerConfig| config.delivery.overflow = Overflow::Drop;
    let (_directory, tracer) = record_while_delivery_stands_still(&receiver, 3000, drops);
    receiver.stand_still(false);
    let report = tracer.teardown();
    assert!(report.adds_up() && report.destinations[0].dropped["lane_full"] > 1000, "{report:?}");
    assert!(!receiver.names().contains(&"2999".to_owned()));
}

#[test]
fn who_blocks_waits_for_as_long_as_it_takes() {
    let receiver = Receiver::default();
    let released = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (receiver, released) = (&receiver, &released);
        scope.spawn(move || {
            receiver.wait_until_still();
            // Longer than others would wait.
            std::thread::park_timeout(Duration::from_millis(300));
            released.store(true, Release);
            receiver.stand_still(false);
        });
        let blocks = |config: &mut TracerConfig| config.delivery.overflow = Overflow::Block;
        let (_directory, tracer) = record_while_delivery_stands_still(receiver, 3000, blocks);
        assert!(released.load(Acquire), "nobody went on before");
        let report = tracer.teardown();
        assert!(report.is_complete() && report.accepted == 3001, "{report:?}");
    });
}
