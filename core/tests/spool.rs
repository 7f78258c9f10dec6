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
}

impl Receiver {
    fn up() -> Self {
        let receiver = Self::default();
        receiver.up.store(true, Relaxed);
        receiver
    }

    fn plan(&self, name: &'static str) -> Plan {
        let destination = self.clone();
        Plan::new(name, format!("test://{name}"), move || Ok(Connected::new(destination)))
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
        let outcome = if self.up.load(Relaxed) {
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
