//! Delivery: finished spans from the lanes to the destinations, on a thread and a runtime of its own.

mod batch;
mod breaker;
mod dead_letter;
mod destination;
mod ledger;
mod log;
mod overlap;
mod recovery;
mod split;
mod store;
mod task;
mod worker;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

pub use batch::Batch;
pub use breaker::Circuit;
pub use destination::{Backend, BoxFuture, Connected, Delivered, DeliveryError, Destination, Outcome, Plan};

use crate::config::{DeliveryConfig, Fsync, SpoolDirectory};
use crate::error::ConfigError;
use crate::lock::lock;
use crate::recorder::{Crowd, Recorder};
use crate::report::{DestinationReport, Health, Report};
use crate::spare::Spare;
use crate::spool::is_one_tracers;
use dead_letter::{DeadLetter, LastingLetter};
use ledger::reason;
use log::Log;
pub(crate) use recovery::Adoption;
use recovery::Recovery;
use store::Store;

/// Spans that start on this thread from now on are not recorded, natively or through a guest.
///
/// The delivery thread does so itself. It is for threads that work for a destination: what they send,
/// and the servers that they run, must not make spans that are delivered and make spans again.
pub fn suppress_this_thread() {
    crate::recorder::suppress_this_thread();
}

/// The directory of refused spans, below that of kept ones.
const REFUSED: &str = "refused";
const REFUSED_BYTES: u64 = 16 << 20;
/// How long a report may take of a delivery that may be held up.
const ANSWER: Duration = Duration::from_secs(1);
/// Memory that is kept for batches to come: of two, by default.
const SPARE_BYTES: usize = 2 << 20;

/// A flush that somebody waits for.
struct Flush {
    answer: mpsc::SyncSender<()>,
    /// Until then; `None` means for ever.
    until: Option<Instant>,
}

/// What the delivery thread and those who ask things of it share.
struct Shared {
    recorder: Arc<Recorder>,
    config: DeliveryConfig,
    log: Log,
    recovery: Recovery,
    /// Where refused spans are kept, when there is a directory.
    refused: Option<DeadLetter>,
    /// Where those of a replay are kept.
    lasting: Option<LastingLetter>,
    /// Memory of batches that are gone.
    spare: Arc<Spare>,
    wake: Notify,
    /// Counts requests that should not wait for a back-off.
    urgent: watch::Sender<u64>,
    requests: Mutex<Requests>,
    stopped: AtomicBool,
}

#[derive(Default)]
struct Requests {
    flushes: Vec<Flush>,
    stop: Option<Instant>,
}

impl Shared {
    fn requests(&self) -> MutexGuard<'_, Requests> {
        lock(&self.requests)
    }

    fn take_requests(&self) -> (Vec<Flush>, Option<Instant>) {
        let mut requests = self.requests();
        (std::mem::take(&mut requests.flushes), requests.stop)
    }

    /// Moves everything from the lanes into the log, under the lanes' lock, so that a report sees each span in exactly
    /// one place. True when the lanes should be looked after again soon.
    fn gather(&self) -> bool {
        let resource = self.recorder.resource();
        let (bytes, spans) = (self.config.max_batch_bytes, self.config.max_batch_spans);
        let crowd = self.recorder.lanes().gather(bytes, spans, &self.spare, |run, places| {
            self.log.push(Arc::new(Batch::of(run, Arc::clone(resource), Arc::clone(&self.spare))), places);
        });
        if crowd == Crowd::Most {
            self.log.leave_the_lanes();
        }
        self.release_lanes();
        crowd == Crowd::Some
    }

    /// Gives lanes back what the log needs no more. Not under the log's lock: gathering takes the two the other way round.
    fn release_lanes(&self) {
        self.recorder.lanes().release(&self.log.take_freed());
    }

    fn report(&self) -> Report {
        let lanes = self.recorder.lanes();
        let stopped = self.stopped.load(Acquire);
        if stopped {
            // Nobody will ever send what arrived after the last gathering.
            lanes.gather(usize::MAX, usize::MAX, &self.spare, |run, _| {
                self.log.give_up(reason::TORN_DOWN, run.spans as u64);
            });
        }
        lanes.with_counts(|counts| {
            let late = self.recorder.late();
            let mut destinations = self.log.report(counts, late);
            for (number, destination) in destinations.iter_mut().enumerate() {
                destination.recovered = self.recovery.report(number);
            }
            let kept = stopped && destinations.iter().any(|destination| destination.pending > 0);
            Report {
                accepted: counts.accepted + late,
                sampled_out_traces: self.recorder.sampled_out(),
                kept_in: kept.then(|| self.log.directory()).flatten(),
                destinations,
                unread: self.recovery.unread(),
                refused_in: self.lasting.as_ref().and_then(LastingLetter::path),
                is_outdated: false,
            }
        })
    }

    fn sync_every(&self) -> Duration {
        match self.config.spool.fsync {
            Fsync::Every(time) => time,
            Fsync::Never | Fsync::Always => Duration::MAX,
        }
    }
}

/// One tracer's delivery.
pub(crate) struct Delivery {
    shared: Arc<Shared>,
    thread: ThreadId,
    /// Closed when the thread has ended.
    ended: Mutex<mpsc::Receiver<()>>,
    /// Whether the last flush had no answer in time.
    unanswered: AtomicBool,
    /// Where the report that was asked for in vain may still come.
    asked: Mutex<Option<mpsc::Receiver<Report>>>,
    /// For when there is no other.
    last_report: Mutex<Report>,
}

/// What became of connecting one plan, for the start-up line.
pub(crate) struct Arrival {
    pub(crate) backend: &'static str,
    pub(crate) endpoint: String,
    pub(crate) notice: Option<String>,
}

impl Delivery {
    /// Connects every plan and starts the thread. Unless told otherwise, it takes over what was left where it spools itself.
    pub(crate) fn start(
        recorder: Arc<Recorder>,
        config: DeliveryConfig,
        plans: Vec<Plan>,
        adoption: Option<Adoption>,
    ) -> Result<(Self, Vec<Arrival>), ConfigError> {
        let setup = |what: String| ConfigError::Setup { backend: "delivery".to_owned(), what };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| setup(format!("no runtime could be made: {error}")))?;
        let (mut destinations, mut arrivals, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
        let networked = plans.iter().any(|plan| plan.networked);
        for plan in plans {
            let connected = {
                let _in_runtime = runtime.enter();
                (plan.connect)()
            };
            let connected = match connected {
                Ok(connected) => connected,
                Err(error) => {
                    // A runtime may not be dropped where the caller is inside another one.
                    runtime.shutdown_background();
                    return Err(error);
                }
            };
            let endpoint = connected.endpoint.unwrap_or(plan.endpoint);
            destinations.push(connected.destination);
            accounts.push(plan.account);
            arrivals.push(Arrival { backend: plan.backend, endpoint, notice: connected.notice });
        }
        let names = || arrivals.iter().map(|arrival: &Arrival| (arrival.backend, arrival.endpoint.clone()));
        let keys = names().zip(&accounts).map(|((backend, endpoint), account)| match account {
            Some(account) => format!("{backend} {endpoint} {account}"),
            None => format!("{backend} {endpoint}"),
        });
        let keys: Vec<_> = keys.collect();
        let directory = spool_directory(&config.spool.directory, networked).unwrap_or_else(|homeless| {
            tracing::warn!("{homeless}");
            recorder.use_ring(Err(homeless.to_string()));
            None
        });
        let store = Store::open(directory.as_deref(), &config, &keys, &recorder);
        let refused = directory.as_ref().map(|base| DeadLetter::new(base.join(REFUSED), REFUSED_BYTES));
        let adoption = adoption.unwrap_or_else(|| directory.map_or(Adoption::Nothing, Adoption::Siblings));
        let lasting = match &adoption {
            Adoption::All(at) => {
                let base = at.parent().filter(|_| is_one_tracers(at)).unwrap_or(at);
                Some(LastingLetter::new(&base.join(REFUSED)))
            }
            Adoption::Siblings(_) | Adoption::Nothing => None,
        };
        let recovery = Recovery::new(adoption, &config, keys);
        let shared = Arc::new(Shared {
            log: Log::new(names(), config.queue_bytes, store),
            recovery,
            refused,
            lasting,
            spare: Arc::new(Spare::new(SPARE_BYTES)),
            recorder,
            config,
            wake: Notify::new(),
            urgent: watch::Sender::new(0),
            requests: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let waker = Arc::downgrade(&shared);
        shared.recorder.on_wake(Box::new(move || {
            if let Some(shared) = waker.upgrade() {
                shared.wake.notify_one();
            }
        }));
        let (end, ended) = mpsc::sync_channel(0);
        // The runtime follows once there is a thread: a closure that is never run would drop it here, perhaps inside
        // another runtime, which panics.
        let (hand_over, taken) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("tracer-delivery".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || {
                    if let Ok(runtime) = taken.recv() {
                        worker::run(runtime, &shared, destinations);
                    }
                    shared.stopped.store(true, Release);
                    drop(shared);
                    drop(end);
                }
            })
            .map_err(|error| setup(format!("its thread could not be started: {error}")));
        let thread = match thread {
            Ok(thread) => thread,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let _ = hand_over.send(runtime);
        let of = |(backend, endpoint): (&str, String)| DestinationReport {
            backend: backend.to_owned(),
            endpoint,
            ..DestinationReport::default()
        };
        let last_report = Report { destinations: names().map(of).collect(), ..Report::default() };
        let delivery = Self {
            shared,
            thread: thread.thread().id(),
            ended: Mutex::new(ended),
            unanswered: AtomicBool::new(false),
            asked: Mutex::default(),
            last_report: Mutex::new(last_report),
        };
        Ok((delivery, arrivals))
    }

    /// Waits until everything that has ended by now is dealt with, for at most `deadline`.
    pub(crate) fn flush(&self, deadline: Duration) {
        if self.is_own_thread() || self.shared.stopped.load(Acquire) {
            return;
        }
        let (answer, answered) = mpsc::sync_channel(1);
        let until = Instant::now().checked_add(deadline);
        self.shared.requests().flushes.push(Flush { answer, until });
        self.shared.wake.notify_one();
        let answered = answered.recv_timeout(deadline);
        // Whoever lets go of it in time lives.
        self.unanswered.store(answered == Err(mpsc::RecvTimeoutError::Timeout), Relaxed);
    }

    /// Delivers what it can within `deadline` and ends the thread. Repeating it does nothing.
    pub(crate) fn stop(&self, deadline: Duration) {
        const GRACE: Duration = Duration::from_secs(2);
        self.shared.requests().stop.get_or_insert(Instant::now() + deadline);
        self.shared.wake.notify_one();
        if !self.is_own_thread() {
            let ended = lock(&self.ended);
            let _ = ended.recv_timeout(deadline + GRACE);
        }
    }

    /// Waiting for oneself would never end.
    fn is_own_thread(&self) -> bool {
        std::thread::current().id() == self.thread
    }

    /// A delivery that hangs, at a disk that does not answer, has the locks that a report needs. Once it may, during
    /// teardown and after a flush in vain, another thread waits for them, and this one not for long.
    pub(crate) fn report(&self) -> Report {
        let shared = &self.shared;
        let may_hang = shared.recorder.is_closed() || self.unanswered.load(Relaxed);
        let report = if !may_hang || shared.stopped.load(Acquire) || self.is_own_thread() {
            Some(shared.report())
        } else {
            self.report_meanwhile()
        };
        let mut last = lock(&self.last_report);
        match report {
            Some(report) => *last = report,
            None => last.is_outdated = true,
        }
        last.clone()
    }

    /// By another thread, for which this one does not wait long. While one waits, no other is begun.
    fn report_meanwhile(&self) -> Option<Report> {
        let mut asked = lock(&self.asked);
        // What it answered after nobody waited any more is of then.
        let waits =
            asked.take().filter(|answered| matches!(answered.try_recv(), Err(mpsc::TryRecvError::Empty)));
        let answered = match waits {
            Some(answered) => answered,
            None => {
                let (answer, answered) = mpsc::sync_channel(1);
                let shared = Arc::clone(&self.shared);
                let thread = std::thread::Builder::new().name("tracer-report".to_owned());
                // Whoever asked may have stopped waiting.
                thread.spawn(move || drop(answer.send(shared.report()))).ok()?;
                answered
            }
        };
        match answered.recv_timeout(ANSWER) {
            Ok(report) => Some(report),
            Err(_) => {
                *asked = Some(answered);
                None
            }
        }
    }

    /// Waits until what earlier processes left is delivered.
    pub(crate) fn wait_for_recovery(&self, deadline: Duration) {
        self.shared.recovery.wait(deadline);
    }

    pub(crate) fn health(&self) -> Health {
        Health { exposed: self.shared.recorder.exposed(), ..self.shared.log.health() }
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "finished spans don't survive the process, for neither XDG_STATE_HOME nor HOME names a directory to keep them in; \
     set TRACER_SPOOL_DIR to one, or to off if that is meant"
)]
struct Homeless;

/// Where finished spans are kept on disk, if they are to be.
fn spool_directory(configured: &SpoolDirectory, networked: bool) -> Result<Option<PathBuf>, Homeless> {
    match configured {
        SpoolDirectory::At(path) => Ok(Some(path.clone())),
        SpoolDirectory::PerUser if networked => crate::env::spool_directory().map(Some).ok_or(Homeless),
        SpoolDirectory::PerUser | SpoolDirectory::Off => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use crate::capture::Capture;
    use crate::config::{TracerConfig, TracerType};
    use crate::tracer::BaseTracer;

    /// Whoever writes to a disk that hangs has the lanes' lock.
    #[test]
    fn teardown_and_its_report_do_not_wait_for_a_delivery_that_hangs() {
        use std::sync::mpsc::sync_channel;
        use std::time::{Duration, Instant};

        let (tracer, _capture) = Capture::with_config(&TracerConfig::new(TracerType::Console)).unwrap();
        drop(tracer.trace_context("before"));
        let before = tracer.flush(Duration::from_secs(20));
        assert!(before.is_complete() && !before.is_outdated, "{before}");
        let life = tracer.life_for_tests();
        let (held, holds) = sync_channel(0);
        let (release, released) = sync_channel::<()>(0);
        std::thread::scope(|threads| {
            threads.spawn(move || {
                life.recorder.lanes().with_counts(|_| {
                    held.send(()).unwrap();
                    released.recv().unwrap();
                });
            });
            holds.recv().unwrap();
            let start = Instant::now();
            life.recorder.close();
            life.delivery.stop(Duration::from_millis(50));
            let report = life.delivery.report();
            assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
            assert!(report.is_outdated && !report.is_complete() && !report.is_safe(), "{report}");
            assert_eq!((report.accepted, report.destinations[0].delivered), (1, 1));
            release.send(()).unwrap();
        });
        let start = Instant::now();
        while life.delivery.report().is_outdated {
            assert!(start.elapsed() < Duration::from_secs(20), "it answers again");
        }
        assert!(tracer.teardown().is_complete());
    }

    #[test]
    fn a_suppressed_thread_records_nothing_and_others_do() {
        let (tracer, capture) = Capture::with_config(&TracerConfig::new(TracerType::Console)).unwrap();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                drop(tracer.trace_context("before"));
                super::suppress_this_thread();
                assert!(!tracer.trace_context("after").is_recording());
            });
        });
        drop(tracer.trace_context("elsewhere"));
        let mut names: Vec<_> = capture.spans().into_iter().map(|span| span.name).collect();
        names.sort();
        assert_eq!(names, ["before", "elsewhere"]);
    }

    #[test]
    fn a_flush_that_nobody_waits_for_any_more_leaves_nothing_behind() {
        let config = TracerConfig::new(TracerType::Console);
        let nowhere = || Ok(super::Connected::new(Nowhere));
        let plans = vec![super::Plan::new("nowhere", "test://".to_owned(), nowhere)];
        let (life, _) = crate::life::Life::begin(&config, plans, None).unwrap();
        crate::recorder::with_local(|local| {
            let start = crate::recorder::StartSpan::named("waits");
            let detached = local.open_detached(&life.recorder, &start);
            local.close_detached(&life.recorder, detached, None);
        });
        let held = || Arc::strong_count(&life.delivery.shared);
        let patience = Instant::now() + Duration::from_secs(10);
        // Held here, by the thread, by the destination's task and by the one that keeps house, once they have begun.
        let before = 4;
        while held() < before {
            assert!(Instant::now() < patience, "{} of {before}", held());
            std::thread::yield_now();
        }
        for _ in 0..100 {
            life.delivery.flush(Duration::from_millis(1));
        }
        assert_eq!(life.delivery.report().destinations[0].pending, 1, "there is something to wait for");
        while held() > before {
            assert!(Instant::now() < patience, "{} beyond {before}", held());
            std::thread::yield_now();
        }
        life.recorder.close();
        life.delivery.stop(Duration::ZERO);
    }

    /// Takes nothing.
    struct Nowhere;

    impl super::Destination for Nowhere {
        fn deliver<'a>(&'a mut self, _: &'a super::Batch) -> super::BoxFuture<'a, super::Outcome> {
            Box::pin(std::future::pending())
        }
    }

    #[test]
    fn without_a_home_it_is_said_what_to_set() {
        let text = super::Homeless.to_string();
        assert!(
            ["XDG_STATE_HOME", "HOME", "TRACER_SPOOL_DIR"].iter().all(|name| text.contains(name)),
            "{text}"
        );
        let of = |configured, networked| super::spool_directory(&configured, networked);
        assert!(matches!(of(super::SpoolDirectory::Off, true), Ok(None)));
        assert!(matches!(of(super::SpoolDirectory::PerUser, false), Ok(None)));
    }
}
