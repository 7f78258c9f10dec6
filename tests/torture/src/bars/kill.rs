//! Bar 1: a worker is killed at a random moment, and a new one delivers what it left. Nothing whose scope had closed is
//! lost, and at most the batch that was on its way arrives twice.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tracer_factory_testkit::faults::{CountingSink, Fault, FaultProxy};

use crate::harness::{Bench, Finding, Protocol, Setup, Worker};

/// How long a new process may take to deliver what another left.
const REPLAY: Duration = Duration::from_secs(40);
/// Nothing more is to come when nothing waits and nothing has come for so long.
const SILENCE: Duration = Duration::from_secs(4);

#[derive(Default)]
struct Totals {
    closed: u64,
    lost: u64,
    duplicated: u64,
    /// The most of one round and destination, in batches of that round.
    worst: f64,
    two: u64,
    in_teardown: u64,
    killed_again: u64,
    slowest_replay: Duration,
}

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let (mut finding, mut totals) = (Finding::default(), Totals::default());
    let rounds = bench.rounds(8, 50);
    let mut random = bench.random(1);
    for number in 0..rounds {
        let seed = random.u64(..);
        let round = Round::choose(fastrand::Rng::with_seed(seed));
        let result = round.run(bench, &mut finding, &mut totals);
        result.with_context(|| format!("round {number}, {round:?}"))?;
    }
    let Totals { closed, lost, duplicated, worst, two, in_teardown, killed_again, slowest_replay } = totals;
    finding.figure(format!("{rounds} rounds ({two} with a second destination that is down, {in_teardown} killed in teardown, {killed_again} with the replay killed too)"));
    finding.figure(format!("{closed} scopes closed and told, lost {lost}"));
    finding.figure(format!("{duplicated} duplicated, at most {worst:.2} batches a destination and kill"));
    finding.figure(format!("slowest replay {:.1} s", slowest_replay.as_secs_f64()));
    finding.must(closed > rounds * 10, || format!("only {closed} scopes closed: nothing was tested"));
    Ok(finding)
}

/// What is chosen at random.
#[derive(Debug)]
struct Round {
    protocol: Protocol,
    fault: Fault,
    /// A second destination, which is down until the replay.
    second: bool,
    rate: u64,
    threads: u64,
    portion: u64,
    delay: Duration,
    batch: u64,
    kill_after: Duration,
    /// Killed while it tears down.
    in_teardown: bool,
    /// The process that replays is killed as well, and another one has to.
    kill_replay_after: Option<Duration>,
}

impl Round {
    fn choose(mut random: fastrand::Rng) -> Self {
        let millis = |random: &mut fastrand::Rng, most| Duration::from_millis(random.u64(..most));
        Self {
            protocol: if random.bool() { Protocol::Http } else { Protocol::Grpc },
            fault: match random.u8(..6) {
                0 => Fault::Refuse,
                1 => Fault::Hang,
                2 => Fault::Delay(Duration::from_millis(20)),
                3 => Fault::Trickle(200_000),
                _ => Fault::Pass,
            },
            second: random.u8(..3) == 0,
            rate: [2_000, 20_000, 60_000, 0][random.usize(..4)],
            threads: random.u64(1..4),
            portion: [1, 1, 16, 64][random.usize(..4)],
            delay: Duration::from_millis([1, 20, 200, 1000][random.usize(..4)]),
            batch: [64, 512, 2048][random.usize(..3)],
            kill_after: millis(&mut random, 500),
            in_teardown: random.u8(..6) == 0,
            kill_replay_after: (random.u8(..4) == 0).then(|| millis(&mut random, 200)),
        }
    }

    fn setup(&self, first: SocketAddr, second: SocketAddr, spool: &std::path::Path) -> Setup {
        let setup = Setup::otlp(first, self.protocol)
            .spool(spool)
            .var("TRACER_SCHEDULE_DELAY", format!("{}ms", self.delay.as_millis()))
            .var("TRACER_BATCH_SPANS", self.batch.to_string())
            // A thread that is faster than any disk waits for it: what is dropped on purpose is another test.
            .var("TRACER_OVERFLOW", "block");
        if self.second { setup.and_session(second) } else { setup }
    }

    fn run(&self, bench: &Bench, finding: &mut Finding, totals: &mut Totals) -> Result<()> {
        let spool = tempfile::tempdir()?;
        let mut ways = Vec::new();
        for fault in [self.fault.clone(), Fault::Refuse].into_iter().take(1 + usize::from(self.second)) {
            let sink = CountingSink::start()?;
            let proxy = FaultProxy::start(sink.address())?;
            proxy.set(fault)?;
            ways.push((sink, proxy));
        }
        let at = |way: usize| ways.get(way).unwrap_or(&ways[0]).1.address();
        let setup = self.setup(at(0), at(1), spool.path());

        let mut worker = Worker::start(bench, &setup)?;
        anyhow::ensure!(worker.refusal().is_none(), "{:?}", worker.refusal());
        worker.acknowledged_load(self.rate, self.threads, self.portion)?;
        // The load's own time, not a wait for something.
        std::thread::sleep(self.kill_after);
        if self.in_teardown {
            worker.tell("stop")?;
            worker.tell("teardown")?;
            std::thread::sleep(self.kill_after / 8);
        }
        let closed = worker.kill()?.acknowledged;

        for (_, proxy) in &ways {
            proxy.set(Fault::Pass)?;
        }
        let mut kills = 1;
        if let Some(after) = self.kill_replay_after {
            let replay = Worker::start(bench, &setup)?;
            std::thread::sleep(after);
            replay.kill()?;
            kills += 1;
            totals.killed_again += 1;
        }
        let begin = Instant::now();
        let mut replay = Worker::start(bench, &setup)?;
        let own = 20;
        replay.load(0, Some(own), 1)?;
        replay.loaded()?;
        let missing = |sink: &CountingSink| sink.tally(closed.iter().copied()).lost;
        let arrived = || ways.iter().map(|(sink, _)| sink.spans()).sum::<u64>();
        let mut progress = (arrived(), Instant::now());
        let mut report = replay.report()?;
        while (ways.iter().any(|(sink, _)| missing(sink) > 0) || report.pending() > 0)
            && progress.1.elapsed() < SILENCE
        {
            report = replay.flush(Duration::from_millis(50))?;
            if arrived() != progress.0 || report.pending() > 0 && begin.elapsed() < REPLAY {
                progress = (arrived(), Instant::now());
            }
        }
        totals.slowest_replay = totals.slowest_replay.max(begin.elapsed());
        let torn = replay.teardown()?.report;
        let log = replay.log();
        replay.end()?;

        bench.law.check(finding, &torn);
        totals.closed += closed.len() as u64;
        totals.in_teardown += u64::from(self.in_teardown);
        totals.two += u64::from(self.second);
        for (way, (sink, _)) in ways.iter().enumerate() {
            let said = &torn.destinations[way];
            let tally = sink.tally(closed.iter().copied());
            let batches = tally.duplicated as f64 / self.batch as f64;
            totals.lost += tally.lost;
            totals.duplicated += tally.duplicated;
            totals.worst = totals.worst.max(batches / f64::from(kills));
            finding.must(tally.lost == 0, || {
                format!(
                    "destination {way} lost {} of {}: {self:?}: {torn:?}: {log}",
                    tally.lost,
                    closed.len()
                )
            });
            finding.must(batches <= f64::from(kills), || {
                format!("destination {way} got {} spans twice: {self:?}: {torn:?}", tally.duplicated)
            });
            // What hangs may still get through once the fault is over.
            let silent = matches!(self.fault, Fault::Refuse) || way == 1;
            if silent && kills == 1 {
                // Nothing arrived in the first life: what the second one claims is all there is.
                bench.law.delivered(finding, said.confirmed(), sink.spans());
            }
            finding.must(said.confirmed() <= sink.spans(), || {
                format!("{} confirmed, {} arrived: {self:?}", said.confirmed(), sink.spans())
            });
        }
        Ok(())
    }
}
