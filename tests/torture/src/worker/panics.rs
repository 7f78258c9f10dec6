//! An exporter that panics again and again, in a process that must not notice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use tracer_factory::delivery::{Batch, BoxFuture, Connected, Destination, Outcome, Plan};
use tracer_factory::{BaseTracer, RecordingTracer, TracerConfig, TracerType};

use super::figures::Figures;
use super::load::record;

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Panicked {
    /// Panics of the exporter.
    pub panics: u64,
    /// The longest time from a panic to the next span that arrived, without a flush.
    pub resumed_seconds: f64,
    /// Spans that arrived.
    pub stored: u64,
    /// The last report.
    pub report: Figures,
}

#[derive(Default)]
struct Exporter {
    panic_next: AtomicBool,
    panics: AtomicU64,
    stored: AtomicU64,
}

static EXPORTER: LazyLock<Arc<Exporter>> = LazyLock::new(Arc::default);

struct Fragile;

impl Destination for Fragile {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if EXPORTER.panic_next.swap(false, SeqCst) {
                EXPORTER.panics.fetch_add(1, SeqCst);
                panic!("the exporter is broken");
            }
            EXPORTER.stored.fetch_add(batch.len() as u64, SeqCst);
            Outcome::all()
        })
    }
}

/// Each time: a span whose export panics, and the time until it, or the next one, has arrived.
pub(super) fn panics(times: u64) -> Result<Panicked> {
    const LIMIT: Duration = Duration::from_secs(60);
    // A hundred stack traces help nobody.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some("tracer-delivery") {
            hook(panic);
        }
    }));
    let mut config = TracerConfig::new(TracerType::Otlp);
    config.delivery.schedule_delay = Duration::from_millis(20);
    let plan = Plan::new("fragile", "here", || Ok(Connected::new(Fragile)));
    let tracer = RecordingTracer::with_plans(&config, vec![plan])?;
    let mut resumed = Duration::ZERO;
    for time in 0..times {
        let before = EXPORTER.stored.load(SeqCst);
        EXPORTER.panic_next.store(true, SeqCst);
        record(&tracer, time);
        let begin = Instant::now();
        while EXPORTER.panics.load(SeqCst) <= time {
            if begin.elapsed() > LIMIT {
                bail!("the exporter is not called any more after {time} panics");
            }
            std::thread::yield_now();
        }
        let panicked = Instant::now();
        record(&tracer, time);
        while EXPORTER.stored.load(SeqCst) <= before {
            if panicked.elapsed() > LIMIT {
                bail!("nothing is delivered any more after {} panics", time + 1);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        resumed = resumed.max(panicked.elapsed());
    }
    let report = Figures::of(&tracer.teardown());
    let (panics, stored) = (EXPORTER.panics.load(SeqCst), EXPORTER.stored.load(SeqCst));
    Ok(Panicked { panics, resumed_seconds: resumed.as_secs_f64(), stored, report })
}
