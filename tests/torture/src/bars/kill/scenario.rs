//! Kinds of workers that are killed, and what is chosen at random for one of them.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use fastrand::Rng;
use tracer_factory_testkit::faults::Fault;

use crate::harness::{Load, Protocol, Setup};

/// One kind of worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// With the defaults, up to as fast as threads can.
    Spill,
    /// `TRACER_OVERFLOW=block`.
    Block,
    /// Spans as long as a model's prompts, larger than a quarter of a lane.
    LargeSpans,
    /// More threads at once than there are lanes in the file.
    ManyThreads,
    /// Threads that end after a few spans, while others begin.
    ShortThreads,
    /// `TRACER_SPOOL_MAX_BYTES=4MiB`, with more threads than that has lanes for, and fewer spans than it takes.
    SmallSpool,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Spill, Self::Block, Self::LargeSpans, Self::ManyThreads, Self::ShortThreads, Self::SmallSpool];
    /// Those that are run when none is named, and one of how many rounds is theirs.
    pub const STANDARD: [(Self, u64); 5] = [
        (Self::Spill, 1),
        (Self::Block, 10),
        (Self::LargeSpans, 10),
        (Self::ShortThreads, 10),
        (Self::SmallSpool, 10),
    ];
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spill => "spill",
            Self::Block => "block",
            Self::LargeSpans => "large-spans",
            Self::ManyThreads => "many-threads",
            Self::ShortThreads => "short-threads",
            Self::SmallSpool => "small-spool",
        })
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|scenario| scenario.to_string() == text);
        known.ok_or_else(|| {
            let all = Self::ALL.map(|scenario| scenario.to_string()).join(", ");
            format!("there is no scenario `{text}`; there are {all}")
        })
    }
}

/// What is chosen at random.
#[derive(Debug)]
pub(super) struct Choice {
    scenario: Scenario,
    pub(super) protocol: Protocol,
    pub(super) fault: Fault,
    /// A second destination, which is down until the replay.
    pub(super) second: bool,
    pub(super) load: Load,
    delay: Duration,
    pub(super) batch: u64,
    pub(super) kill_after: Duration,
    /// Killed while it tears down.
    pub(super) in_teardown: bool,
    /// The process that replays is killed as well, and another one has to.
    pub(super) kill_replay_after: Option<Duration>,
}

impl Choice {
    pub(super) fn new(scenario: Scenario, random: &mut Rng) -> Self {
        let millis = |random: &mut Rng, most| Duration::from_millis(random.u64(..most));
        Self {
            scenario,
            protocol: if random.bool() { Protocol::Http } else { Protocol::Grpc },
            fault: match random.u8(..6) {
                0 => Fault::Refuse,
                1 => Fault::Hang,
                2 => Fault::Delay(Duration::from_millis(20)),
                3 => Fault::Trickle(200_000),
                _ => Fault::Pass,
            },
            second: random.u8(..3) == 0,
            load: load(scenario, random),
            delay: Duration::from_millis([1, 20, 200, 1000][random.usize(..4)]),
            batch: [64, 512, 2048][random.usize(..3)],
            kill_after: millis(random, 500),
            in_teardown: random.u8(..6) == 0,
            kill_replay_after: (random.u8(..4) == 0).then(|| millis(random, 200)),
        }
    }

    pub(super) fn setup(&self, first: SocketAddr, second: SocketAddr, spool: &Path) -> Setup {
        let setup = Setup::otlp(first, self.protocol)
            .spool(spool)
            .var("TRACER_SCHEDULE_DELAY", format!("{}ms", self.delay.as_millis()))
            .var("TRACER_BATCH_SPANS", self.batch.to_string());
        let setup = match self.scenario {
            Scenario::Block => setup.var("TRACER_OVERFLOW", "block"),
            Scenario::SmallSpool => setup.var("TRACER_SPOOL_MAX_BYTES", "4MiB"),
            _ => setup,
        };
        if self.second { setup.and_session(second) } else { setup }
    }
}

fn load(scenario: Scenario, random: &mut Rng) -> Load {
    let one_of = |random: &mut Rng, some: [u64; 4]| some[random.usize(..4)];
    let load = Load {
        rate: one_of(random, [2_000, 20_000, 60_000, 0]),
        threads: random.u64(1..4),
        acknowledged_in: Some(one_of(random, [1, 1, 16, 64])),
        ..Load::default()
    };
    match scenario {
        Scenario::Spill | Scenario::Block => load,
        // At most some 100 MB in the half second that there is: a fourth of the spans has a prompt.
        Scenario::LargeSpans => {
            let (rate, prompt) = (one_of(random, [200, 500, 1_000, 2_000]), random.u64(200..400) << 10);
            Load { rate, prompt, acknowledged_in: Some(1), ..load }
        }
        Scenario::ManyThreads => {
            let threads = random.u64(150..250);
            Load { rate: threads * one_of(random, [10, 20, 50, 100]), threads, ..load }
        }
        Scenario::ShortThreads => {
            let threads = random.u64(2..8);
            Load { rate: threads * one_of(random, [500, 1_000, 2_000, 4_000]), threads, life: 3, ..load }
        }
        Scenario::SmallSpool => {
            Load { rate: one_of(random, [1_000, 2_000, 4_000, 8_000]), threads: random.u64(3..9), ..load }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_have_names_and_a_seed_repeats_their_choices() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.to_string().parse(), Ok(scenario));
            let choice = || format!("{:?}", Choice::new(scenario, &mut Rng::with_seed(7)));
            assert_eq!(choice(), choice());
        }
        assert!("spilt".parse::<Scenario>().unwrap_err().contains("large-spans"));
    }
}
