//! Bar 14: the clock jumps ten years, forwards and backwards, under a running worker and between two. Nothing expires
//! early, nothing spins, and no span ends before it began.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tracer_factory_testkit::faults::{CountingSink, Fault, FaultProxy};

use crate::harness::{Bench, Finding, Need, Protocol, Setup, Worker, cpu_time};

const SPANS: u64 = 2_000;
const YEAR: i64 = 365 * 24 * 60 * 60;
/// Of one processor; the preloaded library reads its file at every look at the clock.
const IDLE: f64 = 0.02;
/// Several times as long as anything that is done by the clock waits.
const WATCHED: Duration = Duration::from_secs(3);

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let Some(library) = library() else {
        let why = "libfaketime is not installed (apt install libfaketime)";
        bench.without(&mut finding, Need::Faketime, "another clock", why);
        return Ok(finding);
    };
    for jump in ["+10y", "-10y"] {
        running(bench, &mut finding, &library, jump)?;
        between(bench, &mut finding, &library, jump)?;
    }
    Ok(finding)
}

/// Where the system keeps the library, if it does.
fn library() -> Option<PathBuf> {
    let directories =
        std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("faketime"));
    directories.map(|directory| directory.join("libfaketimeMT.so.1")).find(|path| path.exists())
}

fn with_clock(setup: Setup, library: &Path, clock: &Path) -> Setup {
    setup
        .var("LD_PRELOAD", library)
        .var("FAKETIME_TIMESTAMP_FILE", clock)
        .var("FAKETIME_NO_CACHE", "1")
        .var("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .var("NO_FAKE_STAT", "1")
}

/// The clock of a worker jumps, with spans waiting on disk.
fn running(bench: &Bench, finding: &mut Finding, library: &Path, jump: &str) -> Result<()> {
    let (spool, files) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let clock = files.path().join("clock");
    std::fs::write(&clock, "+0\n")?;
    let sink = CountingSink::start()?;
    let proxy = FaultProxy::start(sink.address())?;
    proxy.set(Fault::Refuse)?;
    let setup = Setup::otlp(proxy.address(), Protocol::Http).spool(spool.path());
    let mut worker = Worker::start(bench, &with_clock(setup, library, &clock))?;
    worker.load(SPANS, Some(SPANS), 1)?;
    worker.loaded()?;
    let before: i64 = worker.ask("now", "now")?;
    std::fs::write(&clock, format!("{jump}\n"))?;
    let after: i64 = worker.ask("now", "now")?;
    ensure!((after - before).abs() > 9 * YEAR, "the clock did not jump: {before} to {after}");

    worker.load(SPANS, Some(SPANS), 1)?;
    worker.loaded()?;
    let begin = Instant::now();
    let idle = cpu_time(worker.pid())?;
    std::thread::sleep(WATCHED);
    let busy = (cpu_time(worker.pid())? - idle).as_secs_f64() / begin.elapsed().as_secs_f64();
    finding.must(busy <= IDLE, || format!("{jump}: {:.1} % of a core while nothing happens", 100.0 * busy));

    let report = worker.report()?;
    bench.law.check(finding, &report);
    finding.must(report.pending() == 2 * SPANS && report.lost() == 0, || format!("{jump}: {report:?}"));
    let (shortest, longest): (i64, i64) = worker.ask("durations", "durations")?;
    finding.must(0 <= shortest && longest < 10_000_000_000, || {
        format!("{jump}: spans took {shortest} to {longest} ns")
    });
    proxy.set(Fault::Pass)?;
    let torn = worker.teardown()?.report;
    worker.end()?;
    bench.law.check(finding, &torn);
    bench.law.delivered(finding, torn.only().delivered, sink.spans());
    finding.must(torn.lost() == 0 && sink.distinct() == torn.accepted, || format!("{jump}: {torn:?}"));
    finding.figure(format!(
        "{jump} while running: {} of {} delivered, {:.1} % of a core, durations {shortest} ns to {:.0} µs",
        sink.distinct(),
        torn.accepted,
        100.0 * busy,
        longest as f64 / 1000.0
    ));
    Ok(())
}

/// A worker leaves spans, and the next one believes it is another year.
fn between(bench: &Bench, finding: &mut Finding, library: &Path, jump: &str) -> Result<()> {
    let (spool, files) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let clock = files.path().join("clock");
    std::fs::write(&clock, format!("{jump}\n"))?;
    let sink = CountingSink::start()?;
    let proxy = FaultProxy::start(sink.address())?;
    proxy.set(Fault::Refuse)?;
    let setup = Setup::otlp(proxy.address(), Protocol::Http).spool(spool.path());
    let mut worker = Worker::start(bench, &setup.clone().var("TRACER_SHUTDOWN_TIMEOUT", "100ms"))?;
    worker.load(0, Some(SPANS), 1)?;
    worker.loaded()?;
    let left = worker.teardown()?.report;
    worker.end()?;
    bench.law.check(finding, &left);
    finding.must(left.pending() == SPANS, || format!("{jump}: {left:?}"));

    proxy.set(Fault::Pass)?;
    let mut next = Worker::start(bench, &with_clock(setup, library, &clock))?;
    let begin = Instant::now();
    let mut report = next.report()?;
    while begin.elapsed() < Duration::from_secs(15) && (sink.distinct() < SPANS || report.pending() > 0) {
        report = next.flush(Duration::from_millis(50))?;
    }
    let last = next.teardown()?.report;
    next.end()?;
    bench.law.check(finding, &last);
    finding.must(sink.distinct() == SPANS, || {
        format!("{jump}: {} of {SPANS} arrived: {last:?}", sink.distinct())
    });
    bench.law.delivered(finding, last.only().confirmed(), sink.spans());
    finding.figure(format!("{jump} between two workers: {} of {SPANS} delivered", sink.distinct()));
    Ok(())
}
