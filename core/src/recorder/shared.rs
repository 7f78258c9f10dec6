//! What one tracer's threads share while they record: limits, sampler, resource, lanes, workers.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use tracer_factory_ring::{Consumer, Producer, RingFile, fork, lane};

use super::frame::Worker;
use super::lanes::Lanes;
use super::last_trace::Capture;
use super::redaction::Redaction;
use crate::config::{Limits, Overflow, TracerConfig};
use crate::lock::lock;
use crate::otlp::{ResourceBytes, decode_span};
use crate::redact::Redactor;
use crate::sampling::Sampler;
use crate::span::Trace;

/// How long delivery has to make room in a full lane before a span is dropped. It takes far less, unless the machine has
/// other work for all of its processors.
const A_MOMENT: Duration = Duration::from_millis(100);

/// Wakes whoever empties the lanes.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

/// What every thread that records for one tracer shares.
pub(crate) struct Recorder {
    /// Distinguishes tracers of one process; never reused.
    pub(super) id: u64,
    /// The process that it was made in, as [`fork::generation`] counts them.
    generation: u64,
    /// Its successor in a child process.
    heir: OnceLock<Arc<Recorder>>,
    pub(super) limits: Limits,
    pub(super) sampler: Sampler,
    resource: Arc<ResourceBytes>,
    lane_bytes: usize,
    /// How long a thread waits for room in its lane.
    patience: Duration,
    /// Where lanes are that survive the process.
    ring: OnceLock<Arc<RingFile>>,
    lanes: Lanes,
    wake: OnceLock<Wake>,
    closed: AtomicBool,
    /// Spans that ended after teardown.
    late: AtomicU64,
    /// Traces that head sampling did not record: those of threads that ended, and a counter for each thread.
    sampled_out: Mutex<(u64, Vec<Arc<AtomicU64>>)>,
    redaction: Option<Arc<Redaction>>,
    /// The worker that spans of unbound threads belong to: the only one there is, or none.
    only_worker: AtomicI64,
    workers: Mutex<Vec<i64>>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("id", &self.id).field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        by_id().remove(&self.id);
    }
}

fn by_id() -> MutexGuard<'static, HashMap<u64, Weak<Recorder>>> {
    static BY_ID: LazyLock<Mutex<HashMap<u64, Weak<Recorder>>>> = LazyLock::new(Mutex::default);
    lock(&BY_ID)
}

impl Recorder {
    pub(crate) fn new(config: &TracerConfig, sampler: Sampler, resource: Arc<ResourceBytes>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Relaxed);
        let rules = Redactor::new(&config.redact);
        let rules = if config.captures_messages() { rules } else { rules.without_messages() };
        let redaction = (!rules.is_off()).then(|| Arc::new(Redaction::new(rules)));
        let recorder = Arc::new(Self {
            id,
            generation: fork::generation(),
            heir: OnceLock::new(),
            limits: config.limits.clone(),
            sampler,
            resource,
            lane_bytes: config.delivery.lane_bytes,
            patience: match config.delivery.overflow {
                Overflow::Spill => A_MOMENT,
                Overflow::Drop => Duration::ZERO,
                Overflow::Block => Duration::MAX,
            },
            ring: OnceLock::new(),
            lanes: Lanes::default(),
            wake: OnceLock::new(),
            closed: AtomicBool::new(false),
            late: AtomicU64::new(0),
            sampled_out: Mutex::default(),
            redaction,
            only_worker: AtomicI64::new(Worker::NONE.word()),
            workers: Mutex::default(),
        });
        by_id().insert(id, Arc::downgrade(&recorder));
        recorder
    }

    /// The recorder with this number, while its tracer lives: for contexts that come from another thread.
    pub(crate) fn by_id(id: u64) -> Option<Arc<Self>> {
        let known = by_id().get(&id).cloned();
        // Upgraded outside the lock: if this is the last handle, its end takes the lock again.
        known.and_then(|recorder| recorder.upgrade())
    }

    /// What distinguishes it from others of the process.
    #[cfg(feature = "guest")]
    #[inline(always)]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The process that it was made in.
    #[inline(always)]
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// False in a child of the process that made it.
    #[inline]
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.generation == fork::generation()
    }

    /// The recorder of this process: itself, or what took its place after a fork; `None` while nothing has.
    #[inline]
    pub(crate) fn here(self: &Arc<Self>) -> Option<&Arc<Self>> {
        if self.is_of_this_process() { Some(self) } else { self.heir_here() }
    }

    #[cold]
    fn heir_here(&self) -> Option<&Arc<Self>> {
        self.heir.get()?.here()
    }

    pub(crate) fn set_heir(&self, heir: Arc<Self>) {
        let _ = self.heir.set(heir);
    }

    /// From now on threads that begin to record get lanes in this file.
    pub(crate) fn use_ring(&self, ring: Arc<RingFile>) {
        let _ = self.ring.set(ring);
    }

    /// A lane for a thread: in the file when there is one and it has room, else in memory.
    pub(super) fn new_lane(&self) -> (Producer, Consumer) {
        let mapped = self.ring.get().and_then(|ring| ring.lane().ok().flatten());
        mapped.unwrap_or_else(|| lane(self.lane_bytes))
    }

    /// How long a thread waits for room in its lane.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn resource(&self) -> &Arc<ResourceBytes> {
        &self.resource
    }

    pub(crate) fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Set once, by whoever empties the lanes.
    pub(crate) fn on_wake(&self, wake: Wake) {
        let _ = self.wake.set(wake);
    }

    pub(super) fn wake(&self) {
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    /// No span that starts from now on is recorded. True the first time.
    pub(crate) fn close(&self) -> bool {
        !self.closed.swap(true, AcqRel)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Spans that ended after the tracer was torn down.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Acquire)
    }

    pub(super) fn count_late(&self) {
        self.late.fetch_add(1, Release);
    }

    /// Traces that head sampling did not record.
    pub(crate) fn sampled_out(&self) -> u64 {
        let mut sampled_out = lock(&self.sampled_out);
        let (ended, counters) = &mut *sampled_out;
        counters.retain(|counter| {
            let count = counter.load(Relaxed);
            let lives = Arc::strong_count(counter) > 1;
            if !lives {
                *ended += count;
            }
            lives
        });
        *ended + counters.iter().map(|counter| counter.load(Relaxed)).sum::<u64>()
    }

    /// A counter that one thread raises.
    pub(super) fn new_sampled_out_counter(&self) -> Arc<AtomicU64> {
        let counter = Arc::default();
        lock(&self.sampled_out).1.push(Arc::clone(&counter));
        counter
    }

    pub(super) fn redaction(&self) -> Option<&Arc<Redaction>> {
        self.redaction.as_ref()
    }

    /// Makes `worker` known. Idempotent.
    pub(crate) fn add_worker(&self, worker: i64) {
        let mut workers = lock(&self.workers);
        if !workers.contains(&worker) {
            workers.push(worker);
        }
        self.update_only_worker(&workers);
    }

    /// Forgets `worker`. Idempotent.
    pub(crate) fn remove_worker(&self, worker: i64) {
        let mut workers = lock(&self.workers);
        workers.retain(|known| *known != worker);
        self.update_only_worker(&workers);
    }

    fn update_only_worker(&self, workers: &[i64]) {
        let only = if let [only] = workers { Worker::new(*only) } else { Worker::NONE };
        self.only_worker.store(only.word(), Relaxed);
    }

    #[inline]
    pub(super) fn only_worker(&self) -> Worker {
        Worker::from_word(self.only_worker.load(Relaxed))
    }

    /// The last trace of `worker` when there is one, else the tracer's.
    pub(crate) fn last_trace(&self, worker: Option<i64>) -> Trace {
        let capture = self.lanes().last_trace(worker);
        capture.map_or_else(Trace::default, |capture| self.decode(&capture))
    }

    /// Captured records as spans.
    pub(crate) fn decode(&self, capture: &Capture) -> Trace {
        let spans = capture.records().map(|(header, bytes)| {
            let mut span = decode_span(bytes).unwrap_or_default();
            span.resource = Arc::clone(self.resource.resource());
            span.scope = self.resource.scope(header.scope);
            span
        });
        Trace { spans: spans.collect(), omitted_spans: capture.omitted }
    }
}
