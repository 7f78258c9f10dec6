//! The measuring: every case in every round, in short bursts that no queue overflows at.

use tracer_factory_benches::{Case, Shape, minimum, produce, thread_cpu_nanos};

/// Spans of a burst: below the 512 at which the SDK's processor wakes its thread, so that nobody exports meanwhile.
pub(crate) const BURST: usize = 480;
/// Bursts of one case in one round.
const BURSTS: usize = 6;
/// How much longer bursts are that fill no queue.
const WITHOUT_QUEUE: usize = 10;
/// Rounds at the beginning that do not count.
const WARM_UP: usize = 3;

/// One case with one kind of span.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) case: &'static str,
    pub(crate) shape: Shape,
    pub(crate) depth: usize,
    /// CPU nanoseconds a span, one figure a round.
    pub(crate) nanos: Vec<f64>,
    /// Spans that should have arrived at the other end and did not.
    pub(crate) lost: u64,
}

impl Series {
    pub(crate) fn minimum(&self) -> f64 {
        minimum(&self.nanos)
    }
}

/// Everything measured in one run.
#[derive(Debug)]
pub(crate) struct Measurements(pub(crate) Vec<Series>);

impl Measurements {
    pub(crate) fn find(&self, case: &str, shape: Shape, depth: usize) -> Option<&Series> {
        self.0.iter().find(|s| s.case == case && s.shape == shape && s.depth == depth)
    }

    pub(crate) fn lost(&self, case: &str) -> u64 {
        self.0.iter().filter(|series| series.case == case).map(|series| series.lost).sum()
    }
}

/// Depths of the traces.
pub(crate) const DEPTHS: [usize; 2] = [1, 10];

pub(crate) fn run(cases: &[Box<dyn Case>], rounds: usize) -> Measurements {
    let mut measured = Vec::new();
    for shape in Shape::ALL {
        for depth in DEPTHS {
            let new =
                |case: &dyn Case| Series { case: case.name(), shape, depth, nanos: Vec::new(), lost: 0 };
            let mut series: Vec<_> = cases.iter().map(|case| new(&**case)).collect();
            for round in 0..WARM_UP + rounds {
                for step in 0..cases.len() {
                    // Each round begins with another case, so that none always runs behind the same neighbour.
                    let at = (round + step) % cases.len();
                    let nanos = burst_nanos(&*cases[at], &mut series[at]);
                    if round >= WARM_UP {
                        series[at].nanos.push(nanos);
                    }
                }
            }
            measured.append(&mut series);
        }
    }
    Measurements(measured)
}

/// One round of one case: CPU nanoseconds a span.
fn burst_nanos(case: &dyn Case, series: &mut Series) -> f64 {
    let length = if case.queues() { BURST } else { BURST * WITHOUT_QUEUE };
    let traces = length / series.depth;
    let before = case.arrived();
    let mut nanos = 0;
    for _ in 0..BURSTS {
        let start = thread_cpu_nanos();
        produce(case, series.shape, series.depth, traces);
        nanos += thread_cpu_nanos() - start;
        case.settle();
    }
    let due = case.arrivals(series.depth, traces) * BURSTS as u64;
    series.lost += due.saturating_sub(case.arrived() - before);
    nanos as f64 / (BURSTS * traces * series.depth) as f64
}
