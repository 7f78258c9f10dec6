//! What one tracer's threads share while they record: limits, sampler, resource, lanes, workers.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use tracer_factory_ring::fork::{self, PerProcess};
use tracer_factory_ring::{Producer, RingFile};

use super::frame::Worker;
use super::lanes::{Lanes, ThreadShare};
use super::last_trace::Capture;
use super::redaction::Redaction;
use super::supply::Supply;
use crate::config::{Limits, Overflow, TracerConfig};
use crate::lock::{inherited, lock};
use crate::otlp::{ResourceBytes, decode_span};
use crate::redact::Redactor;
use crate::sampling::Sampler;
use crate::span::Trace;

/// How long delivery has to make room in a full lane before a span waits in memory instead. It takes far less, unless
/// the disk hangs or the machine has other work for all of its processors.
const A_MOMENT: Duration = Duration::from_secs(1);

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
    overflow: Overflow,
    supply: Supply,
    lanes: Lanes,
    wake: OnceLock<Wake>,
    closed: AtomicBool,
    /// Spans that ended after teardown.
    late: AtomicU64,
    sampled_out: Mutex<SampledOut>,
    redaction: Option<Arc<Redaction>>,
    /// The worker that spans of unbound threads belong to: the only one there is, or none.
    only_worker: AtomicI64,
    workers: Mutex<Vec<i64>>,
}

/// Traces that head sampling did not record.
#[derive(Default)]
struct SampledOut {
    /// Of threads that ended.
    ended: u64,
    /// One for each thread.
    counters: Vec<Arc<AtomicU64>>,
}

impl SampledOut {
    fn new_counter(&mut self) -> Arc<AtomicU64> {
        // Before there would be more of them: so they never take more than twice what those of living threads do.
        if self.counters.len() == self.counters.capacity() {
            self.let_go();
        }
        let counter = Arc::default();
        self.counters.push(Arc::clone(&counter));
        counter
    }

    fn sum(&mut self) -> u64 {
        self.let_go();
        self.ended + self.counters.iter().map(|counter| counter.load(Relaxed)).sum::<u64>()
    }

    /// Adds up what threads have left that ended.
    fn let_go(&mut self) {
        let Self { ended, counters } = self;
        counters.retain(|counter| {
            // The thread's own is gone before its count is read for the last time.
            let lives = Arc::strong_count(counter) > 1;
            if !lives {
                std::sync::atomic::fence(Acquire);
                *ended += counter.load(Relaxed);
            }
            lives
        });
    }
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
    static BY_ID: PerProcess<Mutex<HashMap<u64, Weak<Recorder>>>> = PerProcess::new();
    lock(BY_ID.get(inherited))
}

impl Recorder {
    pub(crate) fn new(config: &TracerConfig, sampler: Sampler, resource: Arc<ResourceBytes>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Before there are threads that record: a fork during that leaves a child that can't.
        super::clock::set_up();
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
            overflow: config.delivery.overflow,
            supply: Supply::new(config.delivery.lane_bytes),
            lanes: Lanes::holding(config.delivery.queue_bytes),
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
        // For contexts of the parent's, should its own list have been out of reach.
        by_id().entry(self.id).or_insert_with(|| Arc::downgrade(&heir));
        let _ = self.heir.set(heir);
    }

    /// Where threads that begin to record from now on get their lanes, or why spans don't survive the process although
    /// they are to.
    pub(crate) fn use_ring(&self, ring: Result<Arc<RingFile>, String>) {
        self.supply.set_file(ring);
    }

    /// Why some of what has just ended would not survive the process although it is to, if so.
    pub(crate) fn exposed(&self) -> Option<String> {
        self.supply.exposed()
    }

    /// A lane for a thread, known to whoever empties the lanes.
    pub(super) fn new_lane(&self, share: &Arc<ThreadShare>) -> Producer {
        let supplied = self.supply.lane();
        self.lanes.register(supplied.consumer, supplied.place, Arc::clone(share));
        if supplied.few_left {
            // Those of threads that are gone keep what waits for a destination.
            self.want_room();
        }
        supplied.producer
    }

    /// How long a thread waits for room in its lane.
    pub(super) fn patience(&self) -> Duration {
        match self.overflow {
            Overflow::Spill => A_MOMENT,
            Overflow::Drop => Duration::ZERO,
            Overflow::Block => Duration::MAX,
        }
    }

    /// Whether a span waits in memory when its lane has no room.
    pub(super) fn spills(&self) -> bool {
        self.overflow != Overflow::Drop
    }

    /// What is in the lanes is to go elsewhere, whatever that costs.
    pub(super) fn want_room(&self) {
        self.lanes.want_room();
        self.wake();
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
        lock(&self.sampled_out).sum()
    }

    /// A counter that one thread raises.
    pub(super) fn new_sampled_out_counter(&self) -> Arc<AtomicU64> {
        lock(&self.sampled_out).new_counter()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_threads_that_ended_are_added_up_without_being_asked_for() {
        let mut sampled_out = SampledOut::default();
        let lasting = sampled_out.new_counter();
        for _ in 0..10_000 {
            sampled_out.new_counter().store(1, Relaxed);
        }
        assert!(sampled_out.counters.len() <= 8, "{}", sampled_out.counters.len());
        lasting.store(5, Relaxed);
        assert_eq!(sampled_out.sum(), 10_005);
        drop(lasting);
        assert_eq!(sampled_out.sum(), 10_005, "what was counted stays counted");
        assert!(sampled_out.counters.is_empty());
    }
}
