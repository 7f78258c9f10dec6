//! One worker's life and death, and the process that delivers what it left.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tracer_factory_testkit::faults::{CountingSink, Fault, FaultProxy, Tally};

use super::Totals;
use super::scenario::Choice;
use crate::harness::{Bench, Finding, Worker};

/// How long a new process may take to deliver what another left.
const REPLAY: Duration = Duration::from_secs(40);
/// Nothing more is to come when nothing waits and nothing has come for so long.
const SILENCE: Duration = Duration::from_secs(4);
/// Spans of the replaying process itself.
const OWN: u64 = 20;
/// The end of a log, in characters.
const LOG: usize = 1500;

/// What came of it.
pub(super) struct Round<'a> {
    choice: &'a Choice,
    finding: Finding,
    closed: u64,
    kills: u32,
    replay: Duration,
    tallies: Vec<Tally>,
    /// What the processes said, for whoever has to find out why.
    words: String,
}

impl<'a> Round<'a> {
    pub(super) fn run(bench: &Bench, choice: &'a Choice) -> Result<Self> {
        let spool = tempfile::tempdir()?;
        let mut ways = Vec::new();
        for fault in [choice.fault.clone(), Fault::Refuse].into_iter().take(1 + usize::from(choice.second)) {
            let sink = CountingSink::start()?;
            let proxy = FaultProxy::start(sink.address())?;
            proxy.set(fault)?;
            ways.push((sink, proxy));
        }
        let at = |way: usize| ways.get(way).unwrap_or(&ways[0]).1.address();
        let setup = choice.setup(at(0), at(1), spool.path());

        let mut worker = Worker::start(bench, &setup)?;
        ensure!(worker.refusal().is_none(), "{:?}", worker.refusal());
        worker.start_load(&choice.load)?;
        // The load's own time, not a wait for something; and the teardown's.
        std::thread::sleep(choice.kill_after);
        if choice.in_teardown {
            worker.tell("stop")?;
            worker.tell("teardown")?;
            std::thread::sleep(choice.kill_after / 8);
        }
        let dead = worker.kill()?;
        let closed = dead.acknowledged;

        for (_, proxy) in &ways {
            proxy.set(Fault::Pass)?;
        }
        let mut kills = 1;
        if let Some(after) = choice.kill_replay_after {
            let replay = Worker::start(bench, &setup)?;
            // The moment of its death.
            std::thread::sleep(after);
            replay.kill()?;
            kills += 1;
        }
        let begin = Instant::now();
        let mut replay = Worker::start(bench, &setup)?;
        replay.load(0, Some(OWN), 1)?;
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
        let took = begin.elapsed();
        let torn = replay.teardown()?.report;
        let words = format!("{torn:?}: killed: {}: replay: {}", end_of(&dead.log), end_of(&replay.log()));
        replay.end()?;

        let mut finding = Finding::default();
        bench.law.check(&mut finding, &torn);
        let mut tallies = Vec::new();
        for (way, (sink, _)) in ways.iter().enumerate() {
            let confirmed = torn.destinations[way].confirmed();
            // What hangs may still get through once the fault is over.
            let silent = matches!(choice.fault, Fault::Refuse) || way == 1;
            if silent && kills == 1 {
                // Nothing arrived in the first life: what the second one claims is all there is.
                bench.law.delivered(&mut finding, confirmed, sink.spans());
            }
            finding.must(confirmed <= sink.spans(), || {
                format!("{confirmed} confirmed, {} arrived: {choice:?}", sink.spans())
            });
            tallies.push(sink.tally(closed.iter().copied()));
        }
        Ok(Self { choice, finding, closed: closed.len() as u64, kills, replay: took, tallies, words })
    }

    /// Judges it, and adds it to the others.
    pub(super) fn add_to(self, finding: &mut Finding, totals: &mut Totals, name: &str) {
        finding.join(self.finding);
        totals.closed += self.closed;
        totals.two += u64::from(self.choice.second);
        totals.in_teardown += u64::from(self.choice.in_teardown);
        totals.killed_again += u64::from(self.kills - 1);
        totals.slowest_replay = totals.slowest_replay.max(self.replay);
        for (way, tally) in self.tallies.into_iter().enumerate() {
            let batches = tally.duplicated as f64 / self.choice.batch as f64;
            totals.lost += tally.lost;
            totals.duplicated += tally.duplicated;
            totals.worst = totals.worst.max(batches / f64::from(self.kills));
            finding.must(tally.lost == 0, || {
                format!("{name}: destination {way} lost {} of {}: {}", tally.lost, self.closed, self.words)
            });
            finding.must(batches <= f64::from(self.kills), || {
                format!("{name}: destination {way} got {} spans twice: {}", tally.duplicated, self.words)
            });
        }
    }
}

fn end_of(log: &str) -> String {
    let all = log.chars().count();
    log.chars().skip(all.saturating_sub(LOG)).collect()
}
