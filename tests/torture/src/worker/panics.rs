//! An exporter that panics again and again, in a process that must not notice.

use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
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
    /// The longest time from a panic to the next span that arrived, without a flush: after the first, the second and
    /// the last that one batch is given.
    pub resumed_seconds: [f64; 3],
    /// Spans that arrived.
    pub stored: u64,
    /// Spans whose batches panicked too often, and were to be given up.
    pub given_up: u64,
    /// The last report.
    pub report: Figures,
}

/// What the exporter did and is to do.
#[derive(Default)]
struct State {
    /// So many of its next calls panic.
    to_come: u64,
    panics: u64,
    stored: u64,
}

/// The exporter, and whoever waits for it.
#[derive(Default)]
struct Exporter {
    state: Mutex<State>,
    changed: Condvar,
}

impl Exporter {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has come to that within [`LIMIT`].
    fn comes_to(&self, wanted: impl Fn(&State) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), LIMIT, |state| !wanted(state));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn export(&self, spans: u64) {
        let mut state = self.state();
        let panics = state.to_come > 0;
        if panics {
            state.to_come -= 1;
            state.panics += 1;
        } else {
            state.stored += spans;
        }
        drop(state);
        self.changed.notify_all();
        assert!(!panics, "the exporter is broken");
    }
}

static EXPORTER: LazyLock<Exporter> = LazyLock::new(Exporter::default);

struct Fragile;

impl Destination for Fragile {
    fn deliver<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            EXPORTER.export(batch.len() as u64);
            Outcome::all()
        })
    }
}

/// Longer than anything takes that happens at all.
const LIMIT: Duration = Duration::from_secs(60);
/// So many panics over one batch, and the batch is given up.
const TOO_OFTEN: u64 = 3;

/// Each time: a span whose export panics, once, twice, and as often as makes delivery give up; and the time until it,
/// or the next one, has arrived.
pub(super) fn panics(times: u64) -> Result<Panicked> {
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
    let (mut resumed, mut given_up) = ([Duration::ZERO; 3], 0);
    let mut panics = 0;
    for row in (1..=TOO_OFTEN).cycle() {
        if panics == times {
            break;
        }
        let row = row.min(times - panics);
        panics += row;
        let before = EXPORTER.state().stored;
        EXPORTER.state().to_come = row;
        record(&tracer, panics);
        ensure!(EXPORTER.comes_to(|state| state.panics == panics), "no export after {panics} panics");
        given_up += u64::from(row == TOO_OFTEN);
        let panicked = Instant::now();
        record(&tracer, panics);
        ensure!(EXPORTER.comes_to(|state| state.stored > before), "no delivery after {panics} panics");
        let longest = &mut resumed[row as usize - 1];
        *longest = panicked.elapsed().max(*longest);
        // The next batch has nothing of this one in it.
        tracer.flush(LIMIT);
    }
    let report = Figures::of(&tracer.teardown());
    let stored = EXPORTER.state().stored;
    Ok(Panicked { panics, resumed_seconds: resumed.map(|one| one.as_secs_f64()), stored, given_up, report })
}
