//! The producer's cost: every case in every round, in short bursts that no queue overflows at.

use std::sync::Arc;

use tracer_factory_hot_path::{BURST, Case, Failure, Load, Shape};

use crate::producers::Producers;
use crate::series::{Key, Series};

/// Bursts of one case in one round.
const BURSTS: usize = 6;
/// How much longer bursts are that fill no queue.
const WITHOUT_QUEUE: usize = 10;
/// Rounds at the beginning that do not count.
const WARM_UP: usize = 3;
/// Depths of the traces.
pub(crate) const DEPTHS: [usize; 2] = [1, 10];
/// Numbers of threads that record at once.
pub(crate) const THREADS: [usize; 2] = [1, 2];

/// Measures every case with every kind of span.
pub(crate) fn run(cases: &[(&str, Arc<dyn Case>)], rounds: usize) -> Result<Vec<Series>, Failure> {
    let mut measured = Vec::new();
    for threads in THREADS {
        let producers = Producers::new(threads);
        for shape in Shape::ALL {
            for depth in DEPTHS {
                let new = |case: &str| Series {
                    key: Key { case: case.to_owned(), shape, depth, threads },
                    nanos: Vec::new(),
                    lost: 0,
                };
                let mut series: Vec<_> = cases.iter().map(|(name, _)| new(name)).collect();
                for round in 0..WARM_UP + rounds {
                    for step in 0..cases.len() {
                        // Each round begins with another case, so that none always runs behind the same neighbour.
                        let at = (round + step) % cases.len();
                        let nanos = round_nanos(&producers, &cases[at].1, &mut series[at])?;
                        if round >= WARM_UP {
                            series[at].nanos.push(nanos);
                        }
                    }
                }
                measured.append(&mut series);
            }
        }
    }
    Ok(measured)
}

/// One round of one case: CPU nanoseconds a span. A burst is shared out among the threads.
fn round_nanos(producers: &Producers, case: &Arc<dyn Case>, series: &mut Series) -> Result<f64, Failure> {
    let Key { shape, depth, threads, .. } = series.key;
    let burst = if case.queues() { BURST } else { BURST * WITHOUT_QUEUE };
    let load = Load::of_spans(shape, depth, burst / threads);
    let before = case.arrived();
    let mut nanos = 0;
    for _ in 0..BURSTS {
        nanos += producers.record(case, load)?;
        case.settle();
    }
    let bursts = (BURSTS * threads) as u64;
    series.lost += (case.arrivals(load) * bursts).saturating_sub(case.arrived() - before);
    Ok(nanos as f64 / (load.spans() * bursts) as f64)
}
