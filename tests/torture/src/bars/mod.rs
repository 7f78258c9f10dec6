//! The demands, a file each. Their numbers are those of docs/reliability.md.

mod clock;
mod collector_down;
mod elsewhere;
mod environment;
mod exporter_panics;
mod fork;
mod full_disk;
mod hanging_teardown;
pub mod kill;
mod latency;
mod one_of_three;
mod producer_calls;
mod threads_refused;
mod throughput;

use anyhow::Result;

use crate::harness::{Bench, Finding};

/// One demand.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// Its number.
    pub number: u32,
    /// What is done.
    pub name: &'static str,
    /// The parts that are run, one after the other.
    parts: &'static [Part],
    /// More parts, which are about times: no test run is judged by those.
    timed: &'static [Part],
    /// Whether it does little but wait, and disturbs nobody who is measured meanwhile.
    pub waits: bool,
}

/// Something that is done and judged.
type Part = fn(&Bench) -> Result<Finding>;

impl Bar {
    const fn new(number: u32, name: &'static str, parts: &'static [Part]) -> Self {
        Self { number, name, parts, timed: &[], waits: false }
    }

    const fn and_timed(self, timed: &'static [Part]) -> Self {
        Self { timed, ..self }
    }

    const fn that_waits(self) -> Self {
        Self { waits: true, ..self }
    }

    /// Runs every part. One that could not be run to its end is a miss.
    pub fn judge(&self, bench: &Bench) -> Finding {
        let mut finding = Finding::default();
        let timed = if bench.effort.short { &[] } else { self.timed };
        for part in self.parts.iter().chain(timed) {
            match part(bench) {
                Ok(found) => finding.join(found),
                Err(error) => finding.must(false, || format!("{error:#}")),
            }
        }
        finding
    }
}

/// All but the 18th, the accounting law, which each of these checks as well.
pub const BARS: &[Bar] = &[
    Bar::new(1, "kill -9 at random moments, replay by a new process", &[kill::bar]),
    Bar::new(2, "the collector is down", &[collector_down::bar]).that_waits(),
    Bar::new(3, "100,000 spans a second", &[throughput::steady, throughput::flat_out, throughput::calls]),
    Bar::new(4, "closing a scope while everything around is broken", &[producer_calls::bar])
        .and_timed(&[latency::bar]),
    Bar::new(5, "a full disk and one that fails", &[full_disk::full, full_disk::failing]),
    Bar::new(6, "flipped bits in segments", &[elsewhere::flipped_bits]),
    Bar::new(7, "Retry-After and RetryInfo", &[elsewhere::retry_after]),
    Bar::new(8, "every HTTP and gRPC code", &[elsewhere::every_code]),
    Bar::new(9, "answers that are none", &[elsewhere::bad_answers]),
    Bar::new(10, "teardown with a server that hangs", &[hanging_teardown::bar]).that_waits(),
    Bar::new(11, "every runtime, debug and release", &[elsewhere::runtimes]),
    Bar::new(
        12,
        "exporter panics, forks, no threads",
        &[exporter_panics::bar, fork::bar, threads_refused::bar],
    )
    .that_waits(),
    Bar::new(13, "every variable with every bad value", &[environment::bar]),
    Bar::new(14, "clocks that jump ten years", &[clock::bar]).that_waits(),
    Bar::new(15, "TLS that is wrong", &[elsewhere::tls]),
    Bar::new(16, "one backend of three is down", &[one_of_three::counted]).and_timed(&[one_of_three::timed]),
    Bar::new(17, "fuzzed inputs", &[elsewhere::fuzz_corpora]),
];
