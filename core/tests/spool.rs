//! What outlives a tracer: spans that its destinations did not take are on disk, and the next tracer delivers them.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tracer_factory_core::config::{SpoolDirectory, TracerConfig, TracerType};
use tracer_factory_core::delivery::{Batch, BoxFuture, Connected, DeliveryError, Destination, Outcome, Plan};
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::replay::replay;
use tracer_factory_core::report::Report;
use tracer_factory_core::tracer::BaseTracer;

const PATIENCE: Duration = Duration::from_secs(20);

/// A receiver that is there or is not, and remembers what it got.
#[derive(Clone, Default)]
struct Receiver {
    up: Arc<AtomicBool>,
    spans: Arc<Mutex<Vec<(String, String)>>>,
    /// What it answers to everything, or to spans whose names have this in them.
    refuses: Arc<Mutex<Option<(&'static str, DeliveryError)>>>,
    /// Batches that it still takes.
    takes: Arc<Mutex<Option<usize>>>,
    account: Option<String>,
}

impl Receiver {
    fn up() -> Self {
        let receiver = Self::default();
        receiver.up.store(true, Relaxed);
        receiver
    }

    fn plan(&self, name: &'static str) -> Plan {
        let destination = self.clone();
        let plan = Plan::new(name, format!("test://{name}"), move || Ok(Connected::new(destination)));
        plan.account(self.account.clone())
    }

    fn refuse(&self, what: &'static str, error: Option<DeliveryError>) {
        *self.refuses.lock().unwrap() = error.map(|error| (what, error));
    }

    /// The names of the spans that arrived, in order.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.spans.lock().unwrap().iter().map(|(_, name)| name.clone()).collect();
        names.sort();
        names
    }
}

impl Destination for Receiver {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        let refusal = self
            .refuses
            .lock()
            .unwrap()
            .clone()
            .filter(|(what, _)| batch.decode().any(|span| span.name.contains(what)));
        let takes = self.takes.lock().unwrap().as_mut().is_none_or(|left| {
            let some = *left > 0;
            *left = left.saturating_sub(1);
            some
        });
        let outcome = if let Some((_, error)) = refusal {
            Outcome::Rejected(error)
        } else if self.up.load(Relaxed) && takes {
            let spans = batch.decode().map(|span| (span.resource.service_name().to_owned(), span.name));
            self.spans.lock().unwrap().extend(spans);
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
        .service_name("first")
        .with(|config| {
            config.delivery.schedule_delay = Duration::from_millis(5);
            config.delivery.shutdown_timeout = Duration::from_millis(200);
            config.delivery.spool.directory = SpoolDirectory::At(directory.to_owned());
        })
        .with(change)
        .build()
}

fn tracer(config: &TracerConfig, receivers: &[(&'static str, &Receiver)]) -> RecordingTracer {
    let plans = receivers.iter().map(|(name, receiver)| receiver.plan(name)).collect();
    RecordingTracer::with_plans(config, plans).unwrap()
}

fn record(tracer: &RecordingTracer, names: std::ops::Range<u32>) {
    for n in names {
        drop(tracer.trace_context(&format!("{n:05}")));
    }
}

fn names(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("{n:05}")).collect()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

fn pending(report: &Report) -> Vec<u64> {
    assert!(report.adds_up(), "{report:?}");
    report.destinations.iter().map(|destination| destination.pending).collect()
}

/// Directories of tracers, those of refused spans aside.
fn left_in(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().flatten().filter(|entry| entry.file_name() != "refused").count()
}

#[test]
fn what_was_not_delivered_is_delivered_by_the_next_tracer() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), |_| {});
    let receiver = Receiver::default();
    let first = tracer(&config, &[("receiver", &receiver)]);
    record(&first, 0..500);
    let report = first.teardown();
    assert_eq!(pending(&report), [500]);
    assert!(report.is_safe() && !report.is_complete(), "{report}");
    assert!(report.kept_in.as_ref().unwrap().starts_with(directory.path()), "{report:?}");
    assert_eq!(first.teardown(), report, "what was kept stays counted");

    receiver.up.store(true, Relaxed);
    let next = config.into_builder().service_name("second").build();
    let second = tracer(&next, &[("receiver", &receiver)]);
    record(&second, 500..600);
    wait_for("the first tracer's spans", || receiver.names().len() == 600);
    assert!(receiver.names() == names(0..600));
    let services = receiver.spans.lock().unwrap();
    assert!(services.iter().all(|(service, name)| (service == "first") == (name < &"00500".to_owned())));
    drop(services);
    wait_for("the accounts", || second.report().destinations[0].recovered.pending == 0);
    let report = second.teardown();
    assert_eq!((report.accepted, report.destinations[0].delivered), (100, 100));
    let recovered = &report.destinations[0].recovered;
    assert_eq!((recovered.found, recovered.delivered, recovered.pending), (500, 500, 0));
    assert_eq!(left_in(directory.path()), 0, "nothing is left behind");
}

#[test]
fn each_destination_gets_what_it_lacks_and_nothing_twice() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), |config| config.delivery.max_batch_spans = 10);
    let (up, down) = (Receiver::up(), Receiver::default());
    let first = tracer(&config, &[("up", &up), ("down", &down)]);
    record(&first, 0..300);
    wait_for("the living one", || up.names().len() == 300);
    assert_eq!(pending(&first.teardown()), [0, 300]);

    down.up.store(true, Relaxed);
    let second = tracer(&config, &[("down", &down), ("up", &up)]);
    wait_for("the other one", || down.names().len() == 300);
    second.teardown();
    assert_eq!((up.names(), down.names()), (names(0..300), names(0..300)));
    assert_eq!(left_in(directory.path()), 0);
}

#[test]
fn what_is_for_others_is_left_alone_until_it_is_replayed() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), |_| {});
    let first = tracer(&config, &[("receiver", &Receiver::default())]);
    record(&first, 0..50);
    let kept = first.teardown().kept_in.unwrap();

    let other = Receiver::up();
    let second = tracer(&config, &[("another", &other)]);
    record(&second, 50..60);
    assert!(second.teardown().is_complete());
    assert_eq!(other.names(), names(50..60));
    assert_eq!(left_in(directory.path()), 1);

    let report = replay(&config, vec![other.plan("another")], &kept, PATIENCE).unwrap();
    assert_eq!(report.destinations[0].recovered.delivered, 50, "{report:?}");
    assert_eq!(other.names(), names(0..60));
    assert_eq!(left_in(directory.path()), 0);
}

#[test]
fn what_is_no_spool_is_left_as_it_is() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("precious"), "x").unwrap();
    let plans = vec![Receiver::up().plan("receiver")];
    let report = replay(&config(directory.path(), |_| {}), plans, directory.path(), PATIENCE).unwrap();
    assert_eq!(report.destinations[0].recovered.found, 0);
    let left: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["precious"]);
}

#[test]
fn more_than_memory_holds_waits_on_disk_and_arrives_in_full() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), |config| {
        config.delivery.queue_bytes = 64 << 10;
        config.delivery.lane_bytes = 64 << 10;
        config.delivery.max_batch_spans = 50;
    });
    let receiver = Receiver::default();
    let tracer = tracer(&config, &[("receiver", &receiver)]);
    for n in 0..40 {
        record(&tracer, n * 250..(n + 1) * 250);
        let report = tracer.flush(Duration::from_millis(1));
        assert_eq!(pending(&report), [u64::from((n + 1) * 250)], "nothing is lost");
    }
    receiver.up.store(true, Relaxed);
    wait_for("everything", || tracer.flush(Duration::from_millis(50)).is_complete());
    assert!(receiver.names() == names(0..10_000));
    assert!(tracer.teardown().is_complete());
    assert_eq!(left_in(directory.path()), 0);
}

#[test]
fn beyond_its_size_the_oldest_go_and_are_counted() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), |config| {
        config.delivery.queue_bytes = 32 << 10;
        config.delivery.spool.max_bytes = 1 << 20;
        config.delivery.lane_bytes = 64 << 10;
    });
    let receiver = Receiver::default();
    let tracer = tracer(&config, &[("receiver", &receiver)]);
    for n in 0..60 {
        record(&tracer, n * 250..(n + 1) * 250);
        pending(&tracer.flush(Duration::from_millis(1)));
    }
    let lost = tracer.report().destinations[0].dropped["spool_full"];
    assert!(lost > 1000 && lost < 15_000, "{:?}", tracer.report());
    receiver.up.store(true, Relaxed);
    wait_for("what is left", || pending(&tracer.flush(Duration::from_millis(50))) == [0]);
    let report = tracer.teardown();
    assert_eq!(report.destinations[0].dropped_total(), lost);
    let arrived = receiver.names();
    assert_eq!(arrived.len() as u64, 15_000 - lost);
    // What went is one run; what was before it is the batch that the receiver was being offered all the while.
    let offered =
        arrived.iter().zip(names(0..15_000)).take_while(|(one, other)| **one == *other).count() as u32;
    let rest = names(offered + lost as u32..15_000);
    assert!(offered <= 2048 && arrived[offered as usize..] == rest, "{offered} {lost}");
}

#[test]
fn a_directory_that_cannot_be_used_means_memory() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let receiver = Receiver::up();
    let tracer = tracer(&config(file.path(), |_| {}), &[("receiver", &receiver)]);
    record(&tracer, 0..10);
    let report = tracer.teardown();
    assert!(report.is_complete() && report.kept_in.is_none(), "{report}");
}

fn wrong_key() -> DeliveryError {
    DeliveryError::new("test://", "answered 401 Unauthorized").of_any_batch()
}

/// A directory in which a tracer left spans of these names for `receiver`.
fn leave(config: &TracerConfig, range: std::ops::Range<u32>) -> std::path::PathBuf {
    let tracer = tracer(config, &[("receiver", &Receiver::default())]);
    record(&tracer, range);
    tracer.teardown().kept_in.unwrap()
}

fn in_tens(directory: &Path) -> TracerConfig {
    config(directory, |config| config.delivery.max_batch_spans = 10)
}

#[test]
fn a_replay_with_a_wrong_key_ends_and_leaves_everything() {
    let directory = TempDir::new().unwrap();
    let config = in_tens(directory.path());
    leave(&config, 0..200);
    let receiver = Receiver::up();
    receiver.refuse("", Some(wrong_key()));
    for _ in 0..2 {
        let start = Instant::now();
        let report = replay(&config, vec![receiver.plan("other")], directory.path(), PATIENCE).unwrap();
        assert!(start.elapsed() < PATIENCE / 2, "it does not wait for what will not come");
        let [destination] = &report.destinations[..] else { panic!("{report:?}") };
        let recovered = &destination.recovered;
        assert_eq!((recovered.found, recovered.pending, recovered.rejected), (200, 200, 0), "{report:?}");
        assert!(destination.last_error.as_ref().unwrap().contains("401"), "{report:?}");
        assert_eq!(left_in(directory.path()), 1);
    }
    receiver.refuse("", None);
    let report = replay(&config, vec![receiver.plan("other")], directory.path(), PATIENCE).unwrap();
    assert_eq!(report.destinations[0].recovered.delivered, 200);
    assert!(receiver.names() == names(0..200));
    assert_eq!(left_in(directory.path()), 0);
}

#[test]
fn what_a_replay_is_refused_for_what_is_in_it_is_in_a_file() {
    let directory = TempDir::new().unwrap();
    let config = in_tens(directory.path());
    let kept = leave(&config, 0..200);
    let receiver = Receiver::up();
    receiver.refuse("00042", Some(DeliveryError::new("test://", "answered 400 Bad Request")));
    let report = replay(&config, vec![receiver.plan("other")], &kept, PATIENCE).unwrap();
    let recovered = &report.destinations[0].recovered;
    assert_eq!((recovered.delivered, recovered.rejected, recovered.pending), (190, 10, 0), "{report:?}");
    assert_eq!(left_in(directory.path()), 0);
    let file = report.refused_in.unwrap();
    assert_eq!(file, directory.path().join("refused").join("replay.jsonl"));
    let text = std::fs::read_to_string(file).unwrap();
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["spans"], &line["error"]), (&10.into(), &"answered 400 Bad Request".into()));
    let spans = line["request"]["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let mut refused: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap().to_owned()).collect();
    refused.extend(receiver.names());
    refused.sort();
    assert_eq!(refused, names(0..200));
}

#[test]
fn what_a_replay_can_not_put_into_that_file_stays() {
    let directory = TempDir::new().unwrap();
    let config = in_tens(directory.path());
    leave(&config, 0..20);
    // There is no room for a directory of this name.
    std::fs::write(directory.path().join("refused"), "").unwrap();
    let receiver = Receiver::up();
    receiver.refuse("00015", Some(DeliveryError::new("test://", "answered 400 Bad Request")));
    let report = replay(&config, vec![receiver.plan("other")], directory.path(), PATIENCE).unwrap();
    let recovered = &report.destinations[0].recovered;
    assert_eq!((recovered.delivered, recovered.rejected, recovered.pending), (10, 0, 10), "{report:?}");
    assert_eq!(left_in(directory.path()), 1);
}

#[test]
fn a_replay_goes_on_where_the_last_one_stopped() {
    let directory = TempDir::new().unwrap();
    let config = in_tens(directory.path());
    let kept = leave(&config, 0..200);
    let receiver = Receiver::up();
    *receiver.takes.lock().unwrap() = Some(7);
    let report = replay(&config, vec![receiver.plan("other")], &kept, Duration::from_millis(500)).unwrap();
    assert_eq!(report.destinations[0].recovered.pending, 130, "{report:?}");
    *receiver.takes.lock().unwrap() = None;
    let report = replay(&config, vec![receiver.plan("other")], &kept, PATIENCE).unwrap();
    let recovered = &report.destinations[0].recovered;
    assert_eq!((recovered.found, recovered.delivered), (130, 130), "{report:?}");
    assert!(receiver.names() == names(0..200), "nothing twice");
    assert_eq!(left_in(directory.path()), 0);
}

#[test]
fn a_replay_to_nobody_is_refused() {
    let directory = TempDir::new().unwrap();
    let config = in_tens(directory.path());
    leave(&config, 0..5);
    assert!(replay(&config, Vec::new(), directory.path(), PATIENCE).is_err());
    assert_eq!(left_in(directory.path()), 1);
}

#[test]
fn a_replay_says_what_it_left_alone() {
    let directory = TempDir::new().unwrap();
    let config = in_tens(directory.path());
    let living = tracer(&config, &[("receiver", &Receiver::default())]);
    let used = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
    let report = replay(&config, vec![Receiver::up().plan("other")], &used, PATIENCE).unwrap();
    let [unread] = &report.unread[..] else { panic!("{report:?}") };
    assert!(unread.contains(used.to_str().unwrap()) && unread.contains("living"), "{unread}");
    living.teardown();
}

#[test]
fn what_was_left_outlives_a_process_with_a_wrong_key() {
    let directory = TempDir::new().unwrap();
    let config = in_tens(directory.path());
    leave(&config, 0..200);
    let receiver = Receiver::up();
    receiver.refuse("", Some(wrong_key()));
    let wrong = tracer(&config, &[("receiver", &receiver)]);
    wait_for("the refusal", || wrong.health().destinations[0].error.is_some());
    record(&wrong, 200..210);
    let report = wrong.flush(PATIENCE);
    let [destination] = &report.destinations[..] else { panic!("{report:?}") };
    assert_eq!((destination.rejected, destination.pending), (10, 0), "living spans don't wait: {report:?}");
    assert_eq!((destination.recovered.pending, destination.recovered.rejected), (200, 0), "{report:?}");
    // The key is mended: the first live span that is taken says so.
    receiver.refuse("", None);
    record(&wrong, 210..211);
    wait_for("what was left", || wrong.report().destinations[0].recovered.delivered == 200);
    assert!(receiver.names() == [names(0..200), names(210..211)].concat());
    wrong.teardown();
    assert_eq!(left_in(directory.path()), 0);
}

#[test]
fn another_tenants_spans_are_left_alone() {
    let directory = TempDir::new().unwrap();
    let config = in_tens(directory.path());
    let of = |account: &str| Receiver { account: Some(account.to_owned()), ..Receiver::up() };
    let one = of("one");
    one.up.store(false, Relaxed);
    let first = tracer(&config, &[("receiver", &one)]);
    record(&first, 0..20);
    assert_eq!(pending(&first.teardown()), [20]);
    let other = of("other");
    let second = tracer(&config, &[("receiver", &other)]);
    record(&second, 20..30);
    assert!(second.teardown().is_complete());
    assert_eq!((other.names(), left_in(directory.path())), (names(20..30), 1));
    let same = of("one");
    let third = tracer(&config, &[("receiver", &same)]);
    wait_for("its own", || same.names().len() == 20);
    third.teardown();
    assert_eq!(left_in(directory.path()), 0);
}

#[test]
fn what_dead_processes_left_is_bounded_together() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), |config| config.delivery.spool.max_bytes = 1 << 20);
    // All of them leave more than that; every other one for somebody else.
    let generous =
        config.clone().into_builder().with(|config| config.delivery.spool.max_bytes = 64 << 20).build();
    for life in 0..6 {
        let name = if life % 2 == 0 { "receiver" } else { "another" };
        let tracer = tracer(&generous, &[(name, &Receiver::default())]);
        for part in 0..20 {
            record(&tracer, life * 10_000 + part * 200..life * 10_000 + part * 200 + 200);
            tracer.flush(Duration::from_millis(1));
        }
        assert_eq!(pending(&tracer.teardown()), [4000]);
    }
    let bytes = || -> u64 {
        let directories = std::fs::read_dir(directory.path()).unwrap().flatten();
        let files =
            directories.flat_map(|entry| std::fs::read_dir(entry.path()).into_iter().flatten().flatten());
        files
            .filter(|file| file.file_name() != "ring")
            .filter_map(|file| Some(file.metadata().ok()?.len()))
            .sum()
    };
    let before = bytes();
    assert!(before > 5 << 18, "{before}");
    let last = tracer(&config, &[("receiver", &Receiver::default())]);
    wait_for("the limit", || bytes() <= 1 << 20);
    let recovered = last.report().destinations[0].recovered.clone();
    assert_eq!(recovered.found, 12_000);
    assert_eq!(recovered.dropped["spool_full"] + recovered.pending, 12_000, "{recovered:?}");
    assert!(bytes() > 1 << 18, "no more than needed");
    last.teardown();
    // The oldest went first.
    let receiver = Receiver::up();
    let next = tracer(&config, &[("receiver", &receiver)]);
    wait_for("the newest", || receiver.names().last().is_some_and(|name| name == "43999"));
    next.teardown();
    assert!(!receiver.names().contains(&"00500".to_owned()));
}
