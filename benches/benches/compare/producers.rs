//! Threads that record at the same time, and live as long as the cases: nobody pays for a new thread's first span.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::mpsc::{Receiver, Sender, channel};

use tracer_factory_benches::thread_cpu_nanos;
use tracer_factory_hot_path::{Case, Failure, Load, produce};

/// A load for one thread, and where the threads wait for each other.
struct Job {
    case: Arc<dyn Case>,
    load: Load,
    ready: Arc<AtomicUsize>,
    threads: usize,
}

/// The calling thread and some more.
pub(crate) struct Producers {
    others: Vec<(Sender<Job>, Receiver<u64>)>,
}

impl Producers {
    pub(crate) fn new(threads: usize) -> Self {
        let others = (1..threads).map(|_| {
            let (jobs, work) = channel::<Job>();
            let (nanos, done) = channel();
            std::thread::spawn(move || {
                for job in work {
                    if nanos.send(timed(&job)).is_err() {
                        break;
                    }
                }
            });
            (jobs, done)
        });
        Self { others: others.collect() }
    }

    /// Records the load on each thread and adds up their CPU nanoseconds.
    pub(crate) fn record(&self, case: &Arc<dyn Case>, load: Load) -> Result<u64, Failure> {
        let threads = self.others.len() + 1;
        let ready = Arc::new(AtomicUsize::new(0));
        let job = || Job { case: Arc::clone(case), load, ready: Arc::clone(&ready), threads };
        for (jobs, _) in &self.others {
            jobs.send(job()).map_err(|_| "a producing thread has ended")?;
        }
        let mut nanos = timed(&job());
        for (_, done) in &self.others {
            nanos += done.recv()?;
        }
        Ok(nanos)
    }
}

/// Waits for the others awake, so that all begin at once, and records. The waiting does not count.
fn timed(job: &Job) -> u64 {
    job.ready.fetch_add(1, Release);
    while job.ready.load(Acquire) < job.threads {
        std::hint::spin_loop();
    }
    let start = thread_cpu_nanos();
    produce(&*job.case, job.load);
    thread_cpu_nanos() - start
}
