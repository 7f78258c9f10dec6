//! What becomes of spans when destinations fail on command: counted exactly, tried again, and never longer than asked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tracer_factory_core::config::{TracerConfig, TracerType};
use tracer_factory_core::delivery::{
    Batch, BoxFuture, Connected, Delivered, DeliveryError, Destination, Outcome, Plan,
};
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::report::Report;
use tracer_factory_core::tracer::BaseTracer;

const PATIENCE: Duration = Duration::from_secs(20);

/// What a scripted destination does with one batch.
enum Act {
    Answer(Outcome),
    Panic,
    Hang,
}

/// Follows its script, then takes everything.
#[derive(Clone, Default)]
struct Scripted {
    script: Arc<Mutex<VecDeque<Act>>>,
    taken: Arc<Mutex<Vec<String>>>,
    attempts: Arc<Mutex<Vec<Instant>>>,
    closed: Arc<AtomicBool>,
    hangs_in_the_end: bool,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Act>) -> Self {
        let scripted = Self::default();
        scripted.script.lock().unwrap().extend(script);
        scripted
    }

    fn plan(&self, name: &'static str) -> Plan {
        let destination = self.clone();
        Plan::new(name, format!("scripted://{name}"), move || Ok(Connected::new(destination)))
    }

    fn taken(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

impl Destination for Scripted {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        self.attempts.lock().unwrap().push(Instant::now());
        let act = self.script.lock().unwrap().pop_front();
        match act {
            None => {
                self.taken.lock().unwrap().extend(batch.decode().map(|span| span.name));
                Box::pin(std::future::ready(Outcome::all()))
            }
            Some(Act::Answer(outcome)) => Box::pin(std::future::ready(outcome)),
            Some(Act::Panic) => panic!("as the script says"),
            Some(Act::Hang) => Box::pin(std::future::pending()),
        }
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.closed.store(true, Relaxed);
        if self.hangs_in_the_end {
            Box::pin(std::future::pending())
        } else {
            Box::pin(std::future::ready(()))
        }
    }
}

fn error() -> DeliveryError {
    DeliveryError::new("scripted://", "not now")
}

fn retry(after: Option<Duration>) -> Act {
    Act::Answer(Outcome::Retry { after, error: error() })
}

fn config(change: impl FnOnce(&mut TracerConfig)) -> TracerConfig {
    let fast = |config: &mut TracerConfig| config.delivery.schedule_delay = Duration::from_millis(5);
    TracerConfig::builder().tracer_type(TracerType::Console).with(fast).with(change).build()
}

fn tracer(destinations: &[&Scripted], change: impl FnOnce(&mut TracerConfig)) -> RecordingTracer {
    let names = ["first", "second", "third"];
    let plans = destinations.iter().zip(names).map(|(destination, name)| destination.plan(name)).collect();
    RecordingTracer::with_plans(&config(change), plans).unwrap()
}

fn record(tracer: &RecordingTracer, spans: usize) {
    for _ in 0..spans {
        drop(tracer.trace_context("span"));
    }
}

fn assert_settled(report: &Report, accepted: u64, delivered: u64, rejected: u64) {
    assert!(report.adds_up(), "{report:?}");
    let d = &report.destinations[0];
    assert_eq!(
        (report.accepted, d.delivered, d.rejected, d.pending),
        (accepted, delivered, rejected, 0),
        "{report:?}"
    );
}

#[test]
fn failures_are_tried_again_and_a_flush_does_not_wait_for_the_back_off() {
    let scripted = Scripted::new((0..6).map(|_| retry(None)));
    let tracer = tracer(&[&scripted], |_| {});
    record(&tracer, 3);
    for _ in 0..100 {
        let report = tracer.flush(Duration::from_millis(50));
        assert!(report.adds_up(), "{report:?}");
        if report.is_complete() {
            break;
        }
        assert!(report.destinations[0].last_error.as_ref().unwrap().contains("not now"));
    }
    let report = tracer.report();
    assert_settled(&report, 3, 3, 0);
    assert_eq!(report.destinations[0].last_error, None, "a success ends the error");
    assert_eq!(scripted.taken(), 3, "each once");
}

#[test]
fn what_the_receiver_asks_for_is_honoured() {
    let asked = Duration::from_millis(400);
    let scripted = Scripted::new([retry(Some(asked))]);
    let tracer = tracer(&[&scripted], |_| {});
    record(&tracer, 1);
    assert!(tracer.flush(PATIENCE).is_complete());
    let attempts = scripted.attempts.lock().unwrap();
    assert!(attempts[1] - attempts[0] >= asked, "never earlier than asked");
}

#[test]
fn refusals_partial_success_and_oversize_are_counted_once() {
    let partly =
        Outcome::Delivered(Delivered { rejected: 2, oversize: 1, message: Some("too old".to_owned()) });
    let scripted = Scripted::new([Act::Answer(partly), Act::Answer(Outcome::Rejected(error()))]);
    let tracer = tracer(&[&scripted], |config| config.delivery.schedule_delay = PATIENCE);
    record(&tracer, 5);
    let report = tracer.flush(PATIENCE);
    assert_settled(&report, 5, 2, 2);
    assert_eq!(report.destinations[0].dropped["oversize"], 1);
    record(&tracer, 4);
    assert_settled(&tracer.flush(PATIENCE), 9, 2, 6);
    assert_eq!(scripted.attempts.lock().unwrap().len(), 2, "what was refused is not sent again");
}

#[test]
fn a_panicking_destination_is_not_the_end() {
    let scripted = Scripted::new([Act::Panic, Act::Panic, Act::Panic, Act::Panic]);
    let tracer = tracer(&[&scripted], |config| config.delivery.schedule_delay = PATIENCE);
    record(&tracer, 2);
    while !tracer.flush(Duration::from_millis(50)).destinations[0]
        .dropped
        .contains_key("destination_panicked")
    {}
    record(&tracer, 3);
    while tracer.flush(Duration::from_millis(50)).destinations[0].pending > 0 {}
    let report = tracer.report();
    assert_settled(&report, 5, 3, 0);
    assert_eq!(report.destinations[0].dropped["destination_panicked"], 2);
}

#[test]
fn a_full_queue_drops_the_oldest_and_counts() {
    let scripted = Scripted::new([Act::Hang]);
    let tracer = tracer(&[&scripted], |config| {
        config.delivery.queue_bytes = 16 << 10;
        config.delivery.max_batch_spans = 10;
        config.delivery.shutdown_timeout = Duration::from_millis(50);
    });
    for _ in 0..50 {
        record(&tracer, 20);
        let report = tracer.flush(Duration::from_millis(1));
        assert!(report.adds_up(), "{report:?}");
    }
    let before = tracer.report();
    assert!(before.destinations[0].dropped["queue_full"] > 500, "{before:?}");
    let report = tracer.teardown();
    assert!(report.adds_up() && report.destinations[0].pending == 0, "{report:?}");
    assert!(report.destinations[0].dropped["shutdown"] > 0, "{report:?}");
    assert_eq!(report.accepted, 1000);
    assert!(scripted.closed.load(Relaxed), "closed all the same");
}

#[test]
fn teardown_keeps_its_deadline_whatever_the_destination_does() {
    for act in [Act::Hang, retry(None), retry(Some(Duration::from_secs(600)))] {
        let scripted = Scripted::new([act].into_iter().chain((0..1000).map(|_| retry(None))));
        let tracer =
            tracer(&[&scripted], |config| config.delivery.shutdown_timeout = Duration::from_millis(100));
        record(&tracer, 7);
        let start = Instant::now();
        let report = tracer.teardown();
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert_settled(&report, 7, 0, 0);
        assert_eq!(report.destinations[0].dropped["shutdown"], 7);
    }
}

#[test]
fn many_that_never_close_take_no_longer_than_one() {
    let hang = || Scripted { hangs_in_the_end: true, ..Scripted::new([Act::Hang]) };
    let all: Vec<_> = (0..3).map(|_| hang()).collect();
    let tracer = tracer(&all.iter().collect::<Vec<_>>(), |config| {
        config.delivery.shutdown_timeout = Duration::from_millis(100);
    });
    record(&tracer, 1);
    let start = Instant::now();
    let report = tracer.teardown();
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    assert!(report.adds_up(), "{report:?}");
    assert!(all.iter().all(|scripted| scripted.closed.load(Relaxed)), "all were told to");
}

#[test]
fn one_dead_destination_holds_nobody_else_up() {
    let (dead, hung, alive) =
        (Scripted::new((0..100_000).map(|_| retry(None))), Scripted::new([Act::Hang]), Scripted::default());
    let tracer = tracer(&[&dead, &hung, &alive], |config| {
        config.delivery.shutdown_timeout = Duration::from_millis(50)
    });
    record(&tracer, 100);
    while alive.taken() < 100 {
        tracer.flush(Duration::from_millis(10));
    }
    let report = tracer.report();
    assert!(report.adds_up(), "{report:?}");
    assert_eq!((report.destinations[2].delivered, report.destinations[1].pending), (100, 100));
    assert!(!tracer.health().is_healthy());
    assert!(tracer.health().destinations[2].error.is_none());
}

#[test]
fn reports_add_up_while_threads_record() {
    let scripted = Scripted::default();
    let tracer = Arc::new(tracer(&[&scripted], |config| config.delivery.lane_bytes = 16 << 10));
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (tracer, stop) = (Arc::clone(&tracer), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut spans = 0u64;
                while !stop.load(Relaxed) || spans < 1000 {
                    drop(tracer.trace_context("span"));
                    spans += 1;
                }
                spans
            })
        })
        .collect();
    for _ in 0..300 {
        let report = tracer.report();
        assert!(report.adds_up(), "{report:?}");
    }
    stop.store(true, Relaxed);
    let recorded: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    let report = tracer.flush(PATIENCE);
    assert!(report.adds_up(), "{report:?}");
    assert_eq!(report.accepted, recorded, "every span is accounted for");
    assert_eq!(report.destinations[0].delivered, scripted.taken() as u64);
}

#[test]
fn delivery_does_not_trace_itself() {
    struct Nosy(Arc<Mutex<Option<std::sync::Weak<RecordingTracer>>>>, Arc<AtomicBool>);
    impl Destination for Nosy {
        fn deliver<'a>(&'a mut self, _batch: &'a Batch) -> BoxFuture<'a, Outcome> {
            if let Some(tracer) = self.0.lock().unwrap().as_ref().and_then(std::sync::Weak::upgrade) {
                self.1.store(tracer.trace_context("of my own").is_recording(), Relaxed);
            }
            Box::pin(std::future::ready(Outcome::all()))
        }
    }
    let (own, recorded) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
    let nosy = Nosy(Arc::clone(&own), Arc::clone(&recorded));
    let plan = Plan::new("nosy", "nosy://", move || Ok(Connected::new(nosy)));
    let tracer = Arc::new(RecordingTracer::with_plans(&config(|_| {}), vec![plan]).unwrap());
    *own.lock().unwrap() = Some(Arc::downgrade(&tracer));
    record(&tracer, 1);
    assert_eq!(tracer.flush(PATIENCE).accepted, 1);
    assert!(!recorded.load(Relaxed));
}

#[test]
fn a_plan_that_fails_is_the_error_and_leaves_nothing_behind() {
    use tracer_factory_core::error::ConfigError;
    let alive = Scripted::default();
    let failing = Plan::new("failing", "failing://", || {
        Err(ConfigError::Setup { backend: "failing".to_owned(), what: "no such socket".to_owned() })
    });
    let error = RecordingTracer::with_plans(&config(|_| {}), vec![alive.plan("first"), failing]).unwrap_err();
    assert_eq!(error.to_string(), "failing: no such socket");
}

#[test]
fn a_teardown_right_after_a_flush_in_vain_does_not_wait_again() {
    let scripted = Scripted::new([Act::Hang]);
    let patience = Duration::from_secs(2);
    let tracer = tracer(&[&scripted], |config| config.delivery.shutdown_timeout = patience);
    record(&tracer, 1);
    assert_eq!(tracer.teardown_worker(0).destinations[0].pending, 1);
    let start = Instant::now();
    let report = tracer.teardown();
    assert!(start.elapsed() < patience, "{:?}", start.elapsed());
    assert_settled(&report, 1, 0, 0);
}

#[test]
fn teardown_takes_every_span_that_has_ended() {
    for _ in 0..60 {
        let scripted = Scripted::default();
        let tracer = Arc::new(tracer(&[&scripted], |config| {
            config.delivery.schedule_delay = Duration::from_millis(1)
        }));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let tracer = Arc::clone(&tracer);
                std::thread::spawn(move || record(&tracer, 500))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        record(&tracer, 1);
        assert_settled(&tracer.teardown(), 2001, 2001, 0);
    }
}

#[test]
fn a_receiver_that_comes_back_before_teardown_gets_everything() {
    let scripted = Scripted::new((0..1000).map(|_| retry(None)));
    let tracer = tracer(&[&scripted], |config| config.delivery.shutdown_timeout = Duration::from_secs(1));
    record(&tracer, 10);
    assert_eq!(tracer.teardown_worker(0).destinations[0].pending, 10);
    scripted.script.lock().unwrap().clear();
    assert_settled(&tracer.teardown(), 10, 10, 0);
}

#[test]
fn asked_to_wait_no_time_at_all_it_still_backs_off() {
    let scripted = Scripted::new((0..200).map(|_| retry(Some(Duration::ZERO))));
    let tracer = tracer(&[&scripted], |config| config.delivery.shutdown_timeout = Duration::from_millis(300));
    record(&tracer, 1);
    tracer.teardown();
    assert!(scripted.attempts.lock().unwrap().len() < 50, "{}", scripted.attempts.lock().unwrap().len());
}
