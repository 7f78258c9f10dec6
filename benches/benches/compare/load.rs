//! One pipeline under load, in a process of its own: what it made, what arrived, and what that cost.

use std::thread::sleep;
use std::time::{Duration, Instant};

use tracer_factory_benches::{Pipeline, process_cpu_nanos, sink, thread_cpu_nanos};
use tracer_factory_hot_path::{Failure, Load, Record, Shape, produce, warm_up};

/// Spans of a trace.
const DEPTH: usize = 10;
/// Traces that a thread at full speed records between looks at the clock.
const AT_ONCE: usize = 10;
/// Traces of a burst that is delivered before the next one: fewer spans than the 2,048 that the SDK's queue takes.
const SETTLED: usize = 200;
/// From one such burst to the next.
const SETTLED_EVERY: Duration = Duration::from_millis(20);
/// A producer that offered less than this share of a rate has not offered the rate.
pub(crate) const OFFERED: f64 = 0.98;
/// How often spans are made at an offered rate.
const TICK: Duration = Duration::from_millis(1);

/// How fast spans are offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// 100,000 a second, and every burst is delivered before the next one: nobody loses any.
    Settled,
    /// So many a second, by all threads together.
    Rate(usize),
    /// As fast as they can be recorded.
    FlatOut,
}

impl Pace {
    /// For the command line of the pipeline's process.
    fn to_word(self) -> String {
        match self {
            Self::Settled => "settled".to_owned(),
            Self::Rate(spans_per_second) => spans_per_second.to_string(),
            Self::FlatOut => "flat-out".to_owned(),
        }
    }

    /// What [`to_word`](Self::to_word) wrote.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "settled" => Some(Self::Settled),
            "flat-out" => Some(Self::FlatOut),
            rate => rate.parse().ok().map(Self::Rate),
        }
    }
}

/// What is asked of a pipeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    /// The sink.
    pub(crate) url: String,
    pub(crate) pace: Pace,
    pub(crate) threads: usize,
    pub(crate) time: Duration,
}

impl Run {
    /// For the command line of the pipeline's process.
    pub(crate) fn to_arguments(&self) -> [String; 4] {
        let millis = self.time.as_millis().to_string();
        [self.url.clone(), self.pace.to_word(), self.threads.to_string(), millis]
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) made: u64,
    /// By the sink's count.
    pub(crate) received: u64,
    /// CPU nanoseconds of all threads, from the first span until all were delivered or given up.
    pub(crate) cpu: u64,
    /// CPU nanoseconds of the producing threads.
    pub(crate) producing: u64,
    /// Nanoseconds from the first span until the last was made.
    pub(crate) offering: u64,
    /// Nanoseconds from the first span until all were delivered or given up.
    pub(crate) wall: u64,
    /// The most memory the process had.
    peak_kib: u64,
}

impl Outcome {
    pub(crate) fn to_line(self) -> String {
        let Self { made, received, cpu, producing, offering, wall, peak_kib } = self;
        format!("{made} {received} {cpu} {producing} {offering} {wall} {peak_kib}")
    }

    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let numbers: Option<Vec<u64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
        let [made, received, cpu, producing, offering, wall, peak_kib] = numbers?.try_into().ok()?;
        Some(Self { made, received, cpu, producing, offering, wall, peak_kib })
    }

    pub(crate) fn cpu_per_received(&self) -> f64 {
        self.cpu as f64 / self.received as f64
    }

    pub(crate) fn loss_percent(&self) -> f64 {
        100.0 * (1.0 - self.received as f64 / self.made as f64)
    }

    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak_kib as f64 / 1024.0
    }

    pub(crate) fn offered_per_second(&self) -> f64 {
        self.made as f64 * 1e9 / self.offering as f64
    }

    pub(crate) fn received_per_second(&self) -> f64 {
        self.received as f64 * 1e9 / self.wall as f64
    }
}

/// Puts the pipeline under load and asks the sink what came.
pub(crate) fn run(pipeline: Pipeline, run: &Run) -> Result<Outcome, Failure> {
    let subject = (pipeline.make)(&run.url)?;
    // The connection is made and pools are filled.
    warm_up(&*subject, Load::of_spans(Shape::Rich, DEPTH, 100));
    sink::take_count(&run.url)?;

    let (started, cpu) = (Instant::now(), process_cpu_nanos());
    let done = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..run.threads).map(|_| scope.spawn(|| producer(&*subject, run))).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Result<Vec<_>, _>>()
    });
    let done = done.map_err(|_| "a producing thread panicked")?;
    let offering = started.elapsed().as_nanos() as u64;
    subject.settle();
    let (wall, cpu) = (started.elapsed().as_nanos() as u64, process_cpu_nanos() - cpu);

    Ok(Outcome {
        made: done.iter().map(|(made, _)| made).sum(),
        received: sink::take_count(&run.url)?,
        cpu,
        producing: done.iter().map(|(_, nanos)| nanos).sum(),
        offering,
        wall,
        peak_kib: peak_kib()?,
    })
}

/// Spans made and CPU nanoseconds of one thread.
fn producer(subject: &dyn Record, run: &Run) -> (u64, u64) {
    let start = Instant::now();
    let mut made = 0;
    let mut record = |traces| {
        let load = Load { shape: Shape::Rich, depth: DEPTH, traces };
        produce(subject, load);
        made += load.spans();
        made
    };
    match run.pace {
        Pace::FlatOut => {
            while start.elapsed() < run.time {
                record(AT_ONCE);
            }
        }
        Pace::Settled => {
            let mut due = Duration::ZERO;
            while due < run.time {
                record(SETTLED);
                subject.settle();
                due += SETTLED_EVERY;
                sleep(due.saturating_sub(start.elapsed()));
            }
        }
        Pace::Rate(spans_per_second) => {
            let share = spans_per_second as f64 / run.threads as f64;
            let mut due = Duration::ZERO;
            let mut made = 0;
            while due < run.time {
                due += TICK;
                // Whoever falls behind catches up: the rate is what is offered, whatever comes of it.
                let target = (share * due.as_secs_f64()) as u64;
                made = record((target.saturating_sub(made) as usize) / DEPTH);
                sleep(due.saturating_sub(start.elapsed()));
            }
        }
    }
    (made, thread_cpu_nanos())
}

/// The peak of the resident set, as Linux keeps it for this program alone.
fn peak_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.ok_or_else(|| "/proc/self/status has no VmHWM".into())
}
