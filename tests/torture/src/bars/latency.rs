//! Bar 4, first part: what closing a scope takes its thread, with a healthy receiver, a dead one, one that takes a byte
//! now and then, and a full disk.
//!
//! The machine interrupts threads as it likes, and a 99.9th percentile is made of that. So the four workers are
//! measured in turns, again and again. Of each its median turn is judged, and the best one is told as well. One pass of
//! each turn has pauses, as requests have; another closes without any, until the thread's lane has been full many times.

use anyhow::Result;
use tracer_factory_testkit::faults::{CountingSink, Fault, FaultProxy};

use crate::harness::{Bench, Finding, Need, Protocol, Setup, SmallDisk, Worker};
use crate::worker::latency::{Measured, Pass};

const LIMIT_NANOS: u64 = 20_000;
const SPANS: u64 = 10_000;

/// What one worker is surrounded with.
struct Condition {
    name: &'static str,
    worker: Worker,
    turns: Vec<Measured>,
    _proxy: FaultProxy,
    _spool: tempfile::TempDir,
    _disk: Option<SmallDisk>,
}

impl Condition {
    fn new(
        bench: &Bench,
        name: &'static str,
        sink: &CountingSink,
        fault: Fault,
        disk: Option<SmallDisk>,
    ) -> Result<Self> {
        let proxy = FaultProxy::start(sink.address())?;
        proxy.set(fault)?;
        let spool = tempfile::tempdir()?;
        let at = disk.as_ref().map_or(spool.path(), SmallDisk::path);
        let setup =
            Setup::otlp(proxy.address(), Protocol::Http).spool(at).var("TRACER_SHUTDOWN_TIMEOUT", "1s");
        let mut worker = Worker::start(bench, &setup)?;
        if let Some(disk) = &disk {
            // After the first span, so that the thread has its lane.
            worker.ask::<Measured>("measure spans=1", "measured")?;
            disk.fill()?;
        }
        Ok(Self { name, worker, turns: Vec::new(), _proxy: proxy, _spool: spool, _disk: disk })
    }

    /// A pass of each turn, the fastest first.
    fn passes(&self, of: impl Fn(&Measured) -> Pass) -> Vec<Pass> {
        let mut passes: Vec<_> = self.turns.iter().map(of).collect();
        passes.sort_by_key(|pass| pass.p999);
        passes
    }

    /// The median turn's and the best turn's.
    fn middle_and_best(&self, of: impl Fn(&Measured) -> Pass) -> (Pass, Pass) {
        let passes = self.passes(of);
        let at = |place: usize| passes.get(place).copied().unwrap_or_default();
        (at(passes.len() / 2), at(0))
    }
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let sink = CountingSink::start()?;
    let mut conditions = vec![
        Condition::new(bench, "healthy", &sink, Fault::Pass, None)?,
        Condition::new(bench, "dead", &sink, Fault::Refuse, None)?,
        Condition::new(bench, "slow", &sink, Fault::Trickle(50), None)?,
    ];
    match SmallDisk::mount(40 << 20) {
        Ok(disk) => conditions.push(Condition::new(bench, "disk full", &sink, Fault::Refuse, Some(disk))?),
        Err(error) => bench.without(&mut finding, Need::Mount, "a full disk", format!("{error:#}")),
    }
    for _ in 0..bench.rounds(5, 5).min(100) {
        for condition in &mut conditions {
            let measured = condition.worker.ask(&format!("measure spans={SPANS}"), "measured")?;
            condition.turns.push(measured);
        }
    }
    for condition in &mut conditions {
        judge(&mut finding, condition, "with pauses", |turn| turn.wall);
        judge(&mut finding, condition, "without a pause", |turn| turn.full);
        let ((cpu, _), (nothing, _)) =
            (condition.middle_and_best(|turn| turn.cpu), condition.middle_and_best(|turn| turn.nothing));
        let slowest = condition.turns.iter().map(|turn| turn.full.slowest).max().unwrap_or_default();
        finding.figure(format!(
            "{}: of the thread's own time {:.1} µs, the machine alone {:.1}, the slowest of all without a pause {:.0}",
            condition.name,
            micros(cpu.p999),
            micros(nothing.p999),
            micros(slowest)
        ));
        let report = condition.worker.report()?;
        finding.figure(format!(
            "{}: of {} dropped {:?}",
            condition.name,
            report.accepted,
            report.only().dropped
        ));
        let torn = condition.worker.teardown()?.report;
        bench.law.check(&mut finding, &torn);
    }
    let p999 = |condition: &Condition| condition.middle_and_best(|turn| turn.wall).0.p999;
    let fastest = conditions.iter().map(p999).min().unwrap_or_default();
    let slowest = conditions.iter().map(p999).max().unwrap_or_default();
    let ratio = slowest as f64 / fastest.max(1) as f64;
    finding.figure(format!("slowest to fastest {ratio:.2}"));
    finding.must(ratio <= 2.0, || format!("the slowest condition is {ratio:.2} times the fastest"));
    Ok(finding)
}

fn judge(finding: &mut Finding, condition: &Condition, load: &str, of: impl Fn(&Measured) -> Pass) {
    let (name, (middle, best)) = (condition.name, condition.middle_and_best(&of));
    finding.figure(format!(
        "{name}, {load}: p99.9 {:.1} µs (best turn {:.1}), median {:.2}",
        micros(middle.p999),
        micros(best.p999),
        micros(middle.median)
    ));
    finding.must(middle.p999 <= LIMIT_NANOS, || {
        let all: Vec<_> = condition.passes(&of).iter().map(|pass| micros(pass.p999)).collect();
        format!("{name}, {load}: p99.9 is {:.1} µs in the median turn of {all:?}", micros(middle.p999))
    });
}
