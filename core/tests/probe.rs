//! What a receiver gets that was away: a small batch first, and everything once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tracer_factory_core::config::{SpoolDirectory, TracerConfig, TracerType};
use tracer_factory_core::delivery::{
    Batch, BoxFuture, Circuit, Connected, DeliveryError, Destination, Outcome, Plan,
};
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::tracer::BaseTracer;

const PATIENCE: Duration = Duration::from_secs(30);

/// Takes requests of at most so many spans, and breaks the connection over others without a word.
#[derive(Clone)]
struct Receiver {
    takes: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<usize>>>,
    taken: Arc<Mutex<Vec<u64>>>,
}

impl Destination for Receiver {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        self.requests.lock().unwrap().push(batch.len());
        let outcome = if batch.len() <= self.takes.load(Relaxed) {
            self.taken.lock().unwrap().extend(batch.decode().map(|span| span.context.span_id.to_int()));
            Outcome::all()
        } else {
            Outcome::Retry { after: None, error: DeliveryError::new("test://", "the connection broke") }
        };
        Box::pin(std::future::ready(outcome))
    }
}

fn recorded_while_away(spans: usize) -> (RecordingTracer, Receiver, BTreeSet<u64>) {
    let receiver = Receiver { takes: Arc::default(), requests: Arc::default(), taken: Arc::default() };
    let destination = receiver.clone();
    let plan = Plan::new("test", "test://", move || Ok(Connected::new(destination)));
    let mut config = TracerConfig::new(TracerType::Console);
    config.delivery.schedule_delay = Duration::from_millis(5);
    config.delivery.spool.directory = SpoolDirectory::Off;
    let tracer = RecordingTracer::with_plans(&config, vec![plan]).unwrap();
    let ids = (0..spans).map(|_| tracer.trace_context("span").span_id().to_int()).collect();
    let deadline = Instant::now() + PATIENCE;
    while tracer.health().destinations[0].circuit == Circuit::Closed {
        assert!(Instant::now() < deadline, "the circuit did not open");
        // Cuts the back-off short.
        tracer.flush(Duration::from_millis(1));
    }
    (tracer, receiver, ids)
}

fn assert_delivered(tracer: &RecordingTracer, receiver: &Receiver, ids: &BTreeSet<u64>) {
    let start = Instant::now();
    while !tracer.report().is_complete() && start.elapsed() < PATIENCE {
        tracer.flush(Duration::from_millis(100));
    }
    let report = tracer.report();
    assert!(report.is_complete() && report.adds_up(), "{report}");
    let taken = receiver.taken.lock().unwrap();
    assert_eq!(taken.len(), ids.len(), "each once");
    assert_eq!(&taken.iter().copied().collect::<BTreeSet<_>>(), ids);
}

#[test]
fn a_receiver_that_comes_back_gets_a_small_batch_first() {
    let (tracer, receiver, ids) = recorded_while_away(1000);
    // A probe may be on its way while this is set.
    receiver.requests.lock().unwrap().clear();
    receiver.takes.store(usize::MAX, Relaxed);
    assert_delivered(&tracer, &receiver, &ids);
    let requests = receiver.requests.lock().unwrap();
    assert!(requests[0] <= 64, "{requests:?}");
    assert!(requests.len() < 60, "then more at a time: {requests:?}");
}

/// Nothing waits behind a batch for ever that is too large for a receiver which does not say so.
#[test]
fn what_breaks_connections_by_its_size_gets_through() {
    let (tracer, receiver, ids) = recorded_while_away(300);
    receiver.takes.store(64, Relaxed);
    assert_delivered(&tracer, &receiver, &ids);
}
