//! Bar 3: 100,000 spans a second for long, with the spool on: none lost, at most one core, little memory. And as many
//! as two threads can make: what the receiver can't take goes to disk, and none is lost while there is room.
//!
//! A test run has fewer of them, and judges what was lost and what was asked of the system, but no time.

use std::ffi::OsStr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tracer_factory_testkit::faults::CountingSink;

use crate::harness::{Bench, Finding, Need, Protocol, Setup, Watch, Worker, strace_missing};

const RATE: u64 = 100_000;
/// For a build that is not optimised.
const SHORT_RATE: u64 = 20_000;
/// Spans of each thread in a test run, which are many lanes full.
const SHORT_SPANS: u64 = 50_000;
const ANONYMOUS: u64 = 64 << 20;
/// Spans whose system calls are counted, and how many there have to be for each call of any thread.
const COUNTED: u64 = 50_000;
const SPANS_A_CALL: f64 = 20.0;

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}

pub(super) fn steady(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let (timed, seconds) = (!bench.effort.short, bench.seconds(2, 10));
    let rate = if timed { RATE } else { SHORT_RATE };
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let spool = tempfile::tempdir()?;
        let sink = CountingSink::start()?;
        let mut worker = Worker::start(bench, &Setup::otlp(sink.address(), protocol).spool(spool.path()))?;
        let watch = Watch::start(worker.pid());
        let before = worker.cpu()?;
        worker.load(rate, Some(rate * seconds), 1)?;
        let done = worker.loaded()?;
        let cpu = worker.cpu()?.saturating_sub(before);
        let torn = worker.teardown()?.report;
        let most = watch.most();
        worker.end()?;

        let offered = done.spans as f64 / done.seconds;
        let cores = cpu.as_secs_f64() / done.seconds;
        let lost = done.spans - sink.distinct();
        finding.figure(format!(
            "{protocol:?}: {} spans at {offered:.0}/s, lost {lost}, {cores:.2} cores, RssAnon {:.1} MiB",
            done.spans,
            mebibytes(most.anonymous)
        ));
        bench.law.check(&mut finding, &torn);
        bench.law.delivered(&mut finding, torn.only().delivered, sink.spans());
        finding.must(lost == 0, || format!("{protocol:?}: lost {lost}: {torn:?}"));
        finding.must(most.anonymous <= ANONYMOUS, || format!("{protocol:?}: {most:?}"));
        if timed {
            finding.must(offered >= 0.95 * rate as f64, || {
                format!("{protocol:?}: only {offered:.0}/s were recorded")
            });
            finding.must(cores <= 1.0, || format!("{protocol:?}: {cores:.2} cores"));
        }
    }
    Ok(finding)
}

pub(super) fn flat_out(bench: &Bench) -> Result<Finding> {
    const THREADS: u64 = 2;
    let mut finding = Finding::default();
    let spool = tempfile::tempdir()?;
    let sink = CountingSink::start()?;
    let setup = Setup::otlp(sink.address(), Protocol::Http)
        .spool(spool.path())
        .var("TRACER_SPOOL_MAX_BYTES", "8GiB")
        .var("TRACER_SHUTDOWN_TIMEOUT", "5m");
    let mut worker = Worker::start(bench, &setup)?;
    let watch = Watch::start(worker.pid());
    let done = if bench.effort.short {
        worker.load(0, Some(THREADS * SHORT_SPANS), THREADS)?;
        worker.loaded()?
    } else {
        worker.load(0, None, THREADS)?;
        // The load's own time.
        std::thread::sleep(Duration::from_secs(bench.seconds(2, 5).min(10)));
        worker.stop_load()?
    };
    let torn = worker.teardown()?;
    let most = watch.most();
    worker.end()?;
    let (report, arrived) = (torn.report, sink.distinct());
    bench.law.check(&mut finding, &report);
    bench.law.delivered(&mut finding, report.only().delivered, sink.spans());
    finding.must(report.accepted == done.spans, || format!("{} accepted of {}", report.accepted, done.spans));
    finding.must(arrived == done.spans, || format!("flat out: {} lost: {report:?}", done.spans - arrived));
    finding.figure(format!(
        "flat out on {THREADS} threads: {} spans at {:.0}/s, lost {}, all delivered {:.1} s later, RssAnon {:.1} MiB",
        done.spans,
        done.spans as f64 / done.seconds,
        done.spans - arrived,
        torn.seconds,
        mebibytes(most.anonymous)
    ));
    Ok(finding)
}

/// What all of a worker's threads ask of the system.
pub(super) fn calls(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    if let Some(why) = strace_missing() {
        bench.without(&mut finding, Need::Strace, "system calls", why);
        return Ok(finding);
    }
    let (spool, counts) = (tempfile::tempdir()?, tempfile::NamedTempFile::new()?);
    let sink = CountingSink::start()?;
    let strace = ["strace", "-f", "-c", "-U", "calls", "-o"].map(OsStr::new);
    let strace: Vec<_> = strace.into_iter().chain([counts.path().as_os_str()]).collect();
    let setup = Setup::otlp(sink.address(), Protocol::Http).spool(spool.path()).under(&strace);
    let mut worker = Worker::start(bench, &setup)?;
    worker.load(0, Some(COUNTED), 1)?;
    worker.loaded()?;
    let torn = worker.teardown()?.report;
    worker.end()?;
    bench.law.check(&mut finding, &torn);
    bench.law.delivered(&mut finding, torn.only().delivered, sink.spans());
    let text = std::fs::read_to_string(counts.path())?;
    let total = text.lines().find_map(|line| line.trim().strip_suffix(" total")).context("strace's sum")?;
    let total: u64 = total.trim().parse().context("strace's sum is a number")?;
    let spans_a_call = COUNTED as f64 / total as f64;
    finding
        .figure(format!("{total} system calls of all threads, start and end included, for {COUNTED} spans"));
    finding.must(spans_a_call >= SPANS_A_CALL, || format!("{total} system calls for {COUNTED} spans"));
    Ok(finding)
}
