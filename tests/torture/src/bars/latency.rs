//! Bar 4, first part: what closing a scope takes its thread, with a healthy receiver, a dead one, one that takes a byte
//! now and then, and a full disk.
//!
//! The machine interrupts threads as it likes, and a 99.9th percentile is made of that. So the four workers are
//! measured in turns, again and again, and of each its best turn counts: what the tracer itself adds is in every turn.

use anyhow::Result;
use tracer_factory_testkit::faults::{CountingSink, Fault, FaultProxy};

use crate::harness::{Bench, Finding, Protocol, Setup, SmallDisk, Worker};
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

    fn best(&self, of: impl Fn(&Measured) -> Pass) -> Pass {
        self.turns.iter().map(of).min_by_key(|pass| pass.p999).unwrap_or_default()
    }
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
        Err(error) => finding.without(format!("a full disk: none can be mounted ({error})")),
    }
    for _ in 0..bench.rounds(3, 8).min(100) {
        for condition in &mut conditions {
            let measured = condition.worker.ask(&format!("measure spans={SPANS}"), "measured")?;
            condition.turns.push(measured);
        }
    }
    let micros = |nanos: u64| nanos as f64 / 1000.0;
    for condition in &mut conditions {
        let (wall, cpu) = (condition.best(|turn| turn.wall), condition.best(|turn| turn.cpu));
        let nothing = condition.best(|turn| turn.nothing);
        finding.figure(format!(
            "{}: p99.9 {:.1} µs (of the thread's own time {:.1}; the machine alone {:.1}), median {:.2}",
            condition.name,
            micros(wall.p999),
            micros(cpu.p999),
            micros(nothing.p999),
            micros(wall.median),
        ));
        finding.must(wall.p999 <= LIMIT_NANOS, || {
            let all: Vec<_> = condition.turns.iter().map(|turn| micros(turn.wall.p999)).collect();
            format!("{}: p99.9 is {:.1} µs in the best turn of {all:?}", condition.name, micros(wall.p999))
        });
        let torn = condition.worker.teardown()?.report;
        bench.law.check(&mut finding, &torn);
    }
    let p999 = |condition: &Condition| condition.best(|turn| turn.wall).p999;
    let fastest = conditions.iter().map(p999).min().unwrap_or_default();
    let slowest = conditions.iter().map(p999).max().unwrap_or_default();
    let ratio = slowest as f64 / fastest.max(1) as f64;
    finding.figure(format!("slowest to fastest {ratio:.2}"));
    finding.must(ratio <= 2.0, || format!("the slowest condition is {ratio:.2} times the fastest"));
    Ok(finding)
}
