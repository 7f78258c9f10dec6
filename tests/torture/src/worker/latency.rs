//! How long closing a scope takes the thread that closes it.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tracer_factory::BaseTracer;

use super::load::opened;

/// Marks in a trace of system calls: files that nobody has. From here to the next one is a thread's first scope.
pub const FIRST: &str = "/torture-first-here";
/// From here to the next one are all others.
pub const BEGIN: &str = "/torture-begins-here";
/// The last mark.
pub const END: &str = "/torture-ends-here";

/// Scopes in a row, as a busy request closes them.
const BURST: u64 = 50;
/// Between two bursts.
const PAUSE: Duration = Duration::from_millis(1);
/// Scopes of a pass that fills lanes: several times what the lane of a thread takes.
pub const MANY: u64 = 30_000;

/// Nanoseconds of one pass.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Pass {
    /// Half were faster.
    pub median: u64,
    /// 999 of 1000 were faster.
    pub p999: u64,
    /// None was slower.
    pub slowest: u64,
}

/// Four passes, one after the other.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// By the wall's clock: with every wait, the machine's included.
    pub wall: Pass,
    /// By the thread's own clock: without waits, with the two system calls that ask for it.
    pub cpu: Pass,
    /// By the wall's clock, and nothing closed: what the machine adds.
    pub nothing: Pass,
    /// By the wall's clock, [`MANY`] without a pause: the thread fills its lane faster than anybody empties it.
    pub full: Pass,
}

/// Closes that many scopes in each pass but the last.
pub(super) fn measure(tracer: &dyn BaseTracer, spans: u64) -> Measured {
    let mut number = 0;
    let mut open = || {
        number += 1;
        opened(tracer, number)
    };
    fn by_the_wall<T>(scope: T) -> u64 {
        let begin = Instant::now();
        drop(scope);
        begin.elapsed().as_nanos() as u64
    }
    let wall = pass(spans, BURST, &mut open, by_the_wall);
    let cpu = pass(spans, BURST, &mut open, |scope| {
        let begin = thread_nanos();
        drop(scope);
        thread_nanos() - begin
    });
    let nothing = pass(spans, BURST, &mut || (), by_the_wall);
    let full = pass(MANY, MANY, &mut open, by_the_wall);
    Measured { wall, cpu, nothing, full }
}

/// Closes scopes between two marks, without a system call of its own. The number of the thread that does.
///
/// Between two scopes there is a gap, because a tracer of system calls slows everybody else down far more than this
/// thread; without one, its lane is full soon.
pub(super) fn marked(tracer: &dyn BaseTracer, spans: u64, gap: Duration) -> i32 {
    let _ = std::fs::metadata(FIRST);
    // A thread's first span is given a lane.
    drop(opened(tracer, 0));
    let _ = std::fs::metadata(BEGIN);
    for number in 1..=spans {
        drop(opened(tracer, number));
        let begin = Instant::now();
        while begin.elapsed() < gap {
            std::hint::spin_loop();
        }
    }
    let _ = std::fs::metadata(END);
    rustix::thread::gettid().as_raw_nonzero().get()
}

fn pass<T>(spans: u64, burst: u64, open: &mut impl FnMut() -> T, close: impl Fn(T) -> u64) -> Pass {
    let mut took = Vec::with_capacity(spans as usize);
    for number in 0..spans {
        if number % burst == 0 {
            std::thread::sleep(PAUSE);
        }
        let scope = open();
        took.push(close(scope));
    }
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
    Pass { median: at(0.5), p999: at(0.999), slowest: took.last().copied().unwrap_or_default() }
}

fn thread_nanos() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
