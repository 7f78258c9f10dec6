//! A fork while other threads hold the locks that all tracers of a process share: the child works all the same.
#![cfg(all(target_os = "linux", feature = "opentelemetry"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "there is no safe way to fork")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use tracer_factory::config::SpoolDirectory;
use tracer_factory::delivery::{Batch, BoxFuture, Connected, Destination, Outcome, Plan};
use tracer_factory::opentelemetry::Context as OtelContext;
use tracer_factory::{
    BaseTracer, Context, RecordingTracer, RunKind, SpanOptions, TracerConfig, TracerType, current_tracer,
    get_tracer_from_env, set_global_tracer,
};

const ROUNDS: usize = 60;
const SPANS: u64 = 50;

/// Takes everything.
struct Anything;

impl Destination for Anything {
    fn deliver<'a>(&'a mut self, _: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(std::future::ready(Outcome::all()))
    }
}

fn tracer() -> RecordingTracer {
    let config = TracerConfig::builder().tracer_type(TracerType::Console);
    let config = config.with(|config| config.delivery.spool.directory = SpoolDirectory::Off).build();
    let planner = |_: &TracerConfig| {
        Ok(vec![Plan::new("anything", "test://anything".to_owned(), || Ok(Connected::new(Anything)))])
    };
    RecordingTracer::with_planner(&config, planner).unwrap()
}

/// The threads of the test harness hold locks of their own, and so this program runs again for it.
#[test]
fn a_child_works_whatever_its_parents_threads_were_at() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "forking", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = command.env("TRACER_TYPE", "noop").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "run by the test above"]
fn forking() {
    let own = Arc::new(tracer());
    let any: Arc<dyn BaseTracer> = Arc::clone(&own) as _;
    // From now on native roots are known to OpenTelemetry contexts.
    let provider = own.tracer_provider();
    let handler = own.get_langchain_callback_handler(&[]);
    let across = Mutex::new(None::<(Context, OtelContext)>);
    let done = AtomicBool::new(false);
    let until_done = |mut work: Box<dyn FnMut() + Send + '_>| {
        while !done.load(Relaxed) {
            work();
        }
    };
    std::thread::scope(|scope| {
        let works: [Box<dyn FnMut() + Send + '_>; 5] = [
            // The tracer of the environment, and the global one.
            Box::new(|| {
                drop(get_tracer_from_env().unwrap());
                set_global_tracer(&any);
                drop(current_tracer().trace_context("global"));
            }),
            // All tracers, by number.
            Box::new(|| drop(tracer())),
            // What is gathered below a root, from another thread.
            Box::new(|| {
                let Some((context, _)) = across.lock().unwrap().clone() else { return };
                drop(own.start_scope(&SpanOptions::new("elsewhere").parent_context(&context)));
            }),
            // What is asked for about a root that came with an OpenTelemetry context.
            Box::new(|| {
                let Some((_, context)) = across.lock().unwrap().clone() else { return };
                let _attached = context.attach();
                drop(own.trace_context("below"));
            }),
            // A handler's runs, and the headers that are malformed.
            Box::new(|| {
                handler.on_start(RunKind::Tool, "run", None, "input");
                handler.on_end("run", "output");
                let carrier = std::collections::HashMap::from([("traceparent".to_owned(), "x".to_owned())]);
                own.extract_context(&carrier);
            }),
        ];
        for work in works {
            scope.spawn(|| until_done(work));
        }
        let failed = (0..ROUNDS).find_map(|round| {
            let root = own.trace_context("across");
            *across.lock().unwrap() = Some((Context::current(), OtelContext::current()));
            let mut root = Some(root);
            let status = in_child(|| {
                drop(root.take());
                handler.on_start(RunKind::Tool, "run", None, "input");
                drop(tracer());
                as_child(&*own)
            });
            (status != 0).then_some((round, status))
        });
        done.store(true, Relaxed);
        assert_eq!(failed, None, "round and wait status; 14 is a child that hung");
    });
    drop(provider);
    assert!(own.teardown().is_complete());
}

/// What a forked worker does.
fn as_child(tracer: &dyn BaseTracer) -> bool {
    tracer.init_worker(1).unwrap();
    tracer.instrument(1).unwrap();
    for _ in 0..SPANS {
        drop(tracer.trace_context("of the child"));
    }
    drop(get_tracer_from_env().unwrap());
    drop(current_tracer().trace_context("may be nobody's"));
    let report = tracer.teardown();
    report.is_complete() && report.accepted >= SPANS
}

/// Runs `f` in a forked child; its wait status. One that hangs is ended by a signal.
fn in_child(f: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child does what glibc allows it to, allocating included, and ends without returning.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: ends this process if it hangs, and at the end whatever happened: the harness is the parent's.
            unsafe { libc::alarm(20) };
            let passed = catch_unwind(AssertUnwindSafe(f)).unwrap_or(false);
            // SAFETY: as above.
            unsafe { libc::_exit(i32::from(!passed)) }
        }
        child => {
            assert!(child > 0);
            let mut status = -1;
            // SAFETY: a child that nobody else waits for, and a place for its status.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            status
        }
    }
}
