//! Every way to run a worker (no runtime, tokio's kinds, inside and outside of tasks) against receivers that answer,
//! refuse and hang: no deadlock, no panic, no lost span, and teardown keeps its deadline.
#![allow(clippy::unwrap_used)]
#![cfg(all(feature = "otlp", feature = "zipkin"))]

mod receivers;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, mpsc};
use std::time::{Duration, Instant};

use receivers::{Answer, Protocol, Receiver, Refusing, Silent, unique_service};
use tracer_factory::config::SpoolDirectory;
use tracer_factory::{BaseTracer, Report, SpanOptions, TraceFuture, TracerConfig, TracerType, create_tracer};

static HEALTHY: LazyLock<Receiver> = LazyLock::new(|| receivers::http(Answer::Good));

/// The longest a test may take before it counts as a deadlock. Nothing here takes a tenth of it on an idle machine.
const DEADLOCK: Duration = Duration::from_secs(300);
/// What teardown is told to keep to where nobody answers.
const DEADLINE: Duration = Duration::from_millis(100);
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(20);

/// How the worker runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Runtime {
    None,
    CurrentThread,
    MultiThread(usize),
}

const RUNTIMES: [Runtime; 4] =
    [Runtime::None, Runtime::CurrentThread, Runtime::MultiThread(1), Runtime::MultiThread(4)];

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Ending = Pin<Box<dyn Future<Output = Report> + Send>>;

impl Runtime {
    fn build(self) -> tokio::runtime::Runtime {
        let mut builder = match self {
            Runtime::MultiThread(workers) => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(workers);
                builder
            }
            _ => tokio::runtime::Builder::new_current_thread(),
        };
        builder.enable_all().build().unwrap()
    }

    /// Runs `work` as `main` would, and, where there is a runtime, once more as a task on a worker thread.
    fn run(self, work: impl Fn() -> Work) {
        if self == Runtime::None {
            return poll_to_end(work());
        }
        let runtime = self.build();
        runtime.block_on(work());
        runtime.block_on(async { tokio::spawn(work()).await.unwrap() });
        runtime.block_on(async { tokio::task::LocalSet::new().run_until(work()).await });
    }
}

/// An executor of three lines, for futures that need no runtime.
fn poll_to_end(mut work: Work) {
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    while work.as_mut().poll(&mut task).is_pending() {
        std::thread::yield_now();
    }
}

/// Pending once, with or without a runtime.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|task| {
        task.waker().wake_by_ref();
        if std::mem::replace(&mut paused, true) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// Where spans go.
enum Destination {
    Healthy,
    Refusing(Refusing),
    Silent(Silent),
}

impl Destination {
    fn each() -> [Self; 3] {
        [Self::Healthy, Self::Refusing(Refusing::new()), Self::Silent(Silent::new())]
    }

    fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy)
    }

    fn config(&self) -> TracerConfig {
        let address = match self {
            Self::Healthy => HEALTHY.address,
            Self::Refusing(refusing) => refusing.address,
            Self::Silent(silent) => silent.address,
        };
        let mut config = TracerConfig::new(TracerType::Otlp);
        // What was not delivered is lost at the end, and counted; keeping it is tested elsewhere.
        config.delivery.spool.directory = SpoolDirectory::Off;
        config.service_name = unique_service("worker");
        config.otlp.endpoint = Some(format!("http://{address}/v1/traces"));
        config.delivery.shutdown_timeout = if self.is_healthy() { DEADLOCK } else { DEADLINE };
        config
    }

    /// What must be so once `spans` have ended and the tracer was torn down, `took` long.
    fn check(&self, service: &str, report: &Report, spans: u64, took: Duration) {
        assert!(report.adds_up(), "{report}");
        assert_eq!(report.accepted, spans, "{report}");
        let destination = &report.destinations[0];
        assert_eq!(destination.pending, 0, "{report}");
        if self.is_healthy() {
            assert!(report.is_complete(), "{report}");
            assert_eq!(HEALTHY.spans(Protocol::Otlp, service), spans, "what was delivered has arrived");
        } else {
            assert_eq!(destination.dropped_total(), spans, "what nobody took is counted: {report}");
            assert!(took < DEADLINE + SLACK, "the deadline is {DEADLINE:?}, and it took {took:?}");
        }
    }
}

/// Fails instead of hanging.
#[track_caller]
fn within_reason(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match ended.recv_timeout(DEADLOCK) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a deadlock: nothing happened for {DEADLOCK:?}"),
        _ => {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// Spans that one `work` records.
const SPANS: u64 = 1 + 3 * 4;

/// A request with subtasks that yield in the middle of their spans.
async fn work(tracer: Arc<dyn BaseTracer>) {
    let request = tracer.start_span(&SpanOptions::new("request"));
    let tracer = &tracer;
    async move {
        for _ in 0..3 {
            async {
                pause().await;
                for _ in 0..2 {
                    async {
                        pause().await;
                        tracer.add_span_attribute("step", 1.into());
                    }
                    .in_span(tracer.start_span(&SpanOptions::new("step")))
                    .await;
                }
                tracer.add_span_event("done", &[]);
                drop(tracer.trace_context("last"));
            }
            .in_span(tracer.start_span(&SpanOptions::new("part")))
            .await;
        }
    }
    .in_span(request)
    .await;
}

/// For each runtime and destination: a new tracer, whose teardown `end` brings about in its own way.
fn matrix(end: fn(Arc<dyn BaseTracer>) -> Ending) {
    within_reason(move || {
        for destination in Destination::each() {
            let destination = Arc::new(destination);
            for runtime in RUNTIMES {
                runtime.run(|| {
                    let (config, destination) = (destination.config(), Arc::clone(&destination));
                    let service = config.service_name.clone();
                    Box::pin(async move {
                        let tracer = create_tracer(config).unwrap();
                        work(Arc::clone(&tracer)).await;
                        let begin = Instant::now();
                        let report = end(tracer).await;
                        destination.check(&service, &report, SPANS, begin.elapsed());
                    })
                });
            }
        }
    });
}

#[test]
fn teardown_where_the_work_is() {
    matrix(|tracer| Box::pin(async move { tracer.teardown() }));
}

#[test]
fn teardown_on_another_thread() {
    matrix(|tracer| Box::pin(async move { std::thread::spawn(move || tracer.teardown()).join().unwrap() }));
}

#[test]
fn teardown_by_everyone_at_once() {
    matrix(|tracer| {
        Box::pin(async move {
            let reports: Vec<_> = std::thread::scope(|threads| {
                let threads: Vec<_> = (0..4).map(|_| threads.spawn(|| tracer.teardown())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(reports.windows(2).all(|pair| pair[0] == pair[1]), "they agree: {reports:?}");
            tracer.teardown()
        })
    });
}

#[test]
fn workers_come_and_go() {
    matrix(|tracer| {
        Box::pin(async move {
            for id in 0..3 {
                for _ in 0..2 {
                    tracer.init_worker(id).unwrap();
                }
                pause().await;
                for _ in 0..2 {
                    assert!(tracer.teardown_worker(id).adds_up());
                }
            }
            tracer.teardown()
        })
    });
}

#[test]
fn flushing_where_the_work_is() {
    matrix(|tracer| {
        Box::pin(async move {
            assert!(tracer.flush(Duration::from_millis(50)).adds_up());
            tracer.teardown()
        })
    });
}

/// Dropping the last handle is a teardown; where it happens nobody chooses.
#[test]
fn the_last_handle_is_dropped_where_the_work_is() {
    within_reason(|| {
        for destination in Destination::each() {
            for runtime in RUNTIMES {
                let healthy = destination.is_healthy();
                runtime.run(|| {
                    let config = destination.config();
                    let service = config.service_name.clone();
                    Box::pin(async move {
                        let tracer = create_tracer(config).unwrap();
                        work(Arc::clone(&tracer)).await;
                        let begin = Instant::now();
                        drop(tracer);
                        if healthy {
                            assert_eq!(HEALTHY.spans(Protocol::Otlp, &service), SPANS, "it flushed");
                        } else {
                            assert!(begin.elapsed() < DEADLINE + SLACK, "it kept its deadline");
                        }
                    })
                });
            }
        }
    });
}

/// The last handle is in a task that the runtime drops as it shuts down.
#[test]
fn the_last_handle_is_dropped_with_its_runtime() {
    within_reason(|| {
        for runtime in RUNTIMES.into_iter().filter(|runtime| *runtime != Runtime::None) {
            let config = Destination::Healthy.config();
            let service = config.service_name.clone();
            let running = runtime.build();
            running.block_on(async {
                let tracer = create_tracer(config).unwrap();
                let (held, holds) = tokio::sync::oneshot::channel();
                tokio::spawn(async move {
                    work(Arc::clone(&tracer)).await;
                    async {
                        let inner = tracer.start_span(&SpanOptions::new("cancelled"));
                        let _ = held.send(());
                        std::future::pending::<()>().in_span(inner).await;
                    }
                    .in_span(tracer.start_span(&SpanOptions::new("cancelled too")))
                    .await;
                });
                holds.await.unwrap();
            });
            drop(running);
            assert_eq!(HEALTHY.spans(Protocol::Otlp, &service), SPANS + 2, "{runtime:?}");
        }
    });
}

/// The last handle is in a thread-local, and dropped as its thread ends, when other thread-locals may be gone.
#[test]
fn the_last_handle_is_dropped_as_its_thread_ends() {
    thread_local! {
        static HANDLE: RefCell<Option<Arc<dyn BaseTracer>>> = const { RefCell::new(None) };
    }
    within_reason(|| {
        for before in [true, false] {
            let config = Destination::Healthy.config();
            let service = config.service_name.clone();
            let worker = std::thread::spawn(move || {
                let tracer = create_tracer(config).unwrap();
                // Thread-locals are dropped in an order that depends on which was used first.
                if before {
                    drop(tracer.trace_context("one"));
                }
                HANDLE.set(Some(Arc::clone(&tracer)));
                if !before {
                    drop(tracer.trace_context("one"));
                }
            });
            worker.join().unwrap();
            assert_eq!(HEALTHY.spans(Protocol::Otlp, &service), 1);
        }
    });
}

/// Several tracers, nested in each other in one task, some of them torn down before the others.
#[test]
fn several_tracers_in_one_process() {
    within_reason(|| {
        for runtime in RUNTIMES {
            runtime.run(|| {
                Box::pin(async {
                    let configs: Vec<_> = (0..3).map(|_| Destination::Healthy.config()).collect();
                    let services: Vec<_> = configs.iter().map(|config| config.service_name.clone()).collect();
                    let dead = Destination::Refusing(Refusing::new());
                    let tracers: Vec<_> =
                        configs.into_iter().map(|config| create_tracer(config).unwrap()).collect();
                    let other = create_tracer(dead.config()).unwrap();
                    let spans = tracers.iter().map(|tracer| tracer.start_span(&SpanOptions::new("outer")));
                    let mut nested: Work = Box::pin({
                        let tracers = tracers.clone();
                        async move {
                            for tracer in tracers {
                                work(tracer).await;
                            }
                        }
                    });
                    for span in spans {
                        nested = Box::pin(nested.in_span(span));
                    }
                    nested.await;
                    work(Arc::clone(&other)).await;
                    dead.check("", &other.teardown(), SPANS, Duration::ZERO);
                    for (tracer, service) in tracers.iter().zip(&services) {
                        Destination::Healthy.check(service, &tracer.teardown(), SPANS + 1, Duration::ZERO);
                    }
                })
            });
        }
    });
}

/// Many tasks on several threads at once, with their traces whole.
#[test]
fn tasks_on_many_threads_lose_nothing() {
    const TASKS: u64 = 200;
    within_reason(|| {
        for runtime in RUNTIMES.into_iter().filter(|runtime| *runtime != Runtime::None) {
            runtime.run(|| {
                Box::pin(async {
                    let config = Destination::Healthy.config();
                    let service = config.service_name.clone();
                    let tracer = create_tracer(config).unwrap();
                    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(work(Arc::clone(&tracer)))).collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                    let last = tracer.get_last_trace();
                    assert_eq!(last.len() as u64, SPANS, "a task's trace is whole, wherever its polls were");
                    Destination::Healthy.check(&service, &tracer.teardown(), TASKS * SPANS, Duration::ZERO);
                })
            });
        }
    });
}

/// Two destinations of one tracer: the one that hangs takes nothing away from the one that answers.
#[test]
fn a_destination_that_hangs_does_not_hold_up_the_other() {
    within_reason(|| {
        for runtime in RUNTIMES {
            runtime.run(|| {
                Box::pin(async {
                    let silent = Silent::new();
                    let mut config = Destination::Healthy.config();
                    let service = config.service_name.clone();
                    config.tracer_types.push(TracerType::Zipkin);
                    config.zipkin.endpoint = format!("http://{}/api/v2/spans", silent.address);
                    // Long enough for the healthy one on any machine, and all that the other one costs.
                    config.delivery.shutdown_timeout = Duration::from_secs(1);
                    let tracer = create_tracer(config).unwrap();
                    work(Arc::clone(&tracer)).await;
                    let begin = Instant::now();
                    let report = tracer.teardown();
                    assert!(begin.elapsed() < Duration::from_secs(1) + SLACK);
                    assert!(report.adds_up(), "{report}");
                    let [answers, hangs] = &report.destinations[..] else { panic!("{report}") };
                    assert_eq!((answers.delivered, hangs.dropped_total()), (SPANS, SPANS), "{report}");
                    assert_eq!(HEALTHY.spans(Protocol::Otlp, &service), SPANS);
                })
            });
        }
    });
}
