//! Bar 3: 100,000 spans a second for long, with the spool on: none lost, at most one core, little memory. And as many
//! as two threads can make: what the receiver can't take goes to disk, and none is lost while there is room.

use std::time::Duration;

use anyhow::Result;
use tracer_factory_testkit::faults::CountingSink;

use crate::harness::{Bench, Finding, Protocol, Setup, Watch, Worker, cpu_time};

const RATE: u64 = 100_000;
const ANONYMOUS: u64 = 64 << 20;

pub(super) fn steady(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let seconds = bench.seconds(3, 10);
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let spool = tempfile::tempdir()?;
        let sink = CountingSink::start()?;
        let mut worker = Worker::start(bench, &Setup::otlp(sink.address(), protocol).spool(spool.path()))?;
        let watch = Watch::start(worker.pid());
        let before = cpu_time(worker.pid())?;
        worker.load(RATE, Some(RATE * seconds), 1)?;
        // The thread that records ends with its load, and its time must be read before that.
        let (mut cpu, mut recorded) = (before, 0);
        while recorded < RATE * seconds {
            cpu = cpu.max(cpu_time(worker.pid())?);
            recorded = worker.report()?.accepted;
            std::thread::sleep(Duration::from_millis(5));
        }
        let done = worker.loaded()?;
        let torn = worker.teardown()?.report;
        let most = watch.most();
        worker.end()?;

        let offered = done.spans as f64 / done.seconds;
        let cores = (cpu - before).as_secs_f64() / done.seconds;
        let lost = done.spans - sink.distinct();
        finding.figure(format!(
            "{protocol:?}: {} spans at {offered:.0}/s, lost {lost}, {cores:.2} cores, RssAnon {:.1} MiB",
            done.spans,
            most.anonymous as f64 / (1 << 20) as f64
        ));
        bench.law.check(&mut finding, &torn);
        bench.law.delivered(&mut finding, torn.only().delivered, sink.spans());
        finding.must(lost == 0, || format!("{protocol:?}: lost {lost}: {torn:?}"));
        finding.must(offered >= 0.95 * RATE as f64, || {
            format!("{protocol:?}: only {offered:.0}/s were recorded")
        });
        finding.must(cores <= 1.0, || format!("{protocol:?}: {cores:.2} cores"));
        finding.must(most.anonymous <= ANONYMOUS, || format!("{protocol:?}: {most:?}"));
    }
    Ok(finding)
}

pub(super) fn flat_out(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let seconds = bench.seconds(2, 5).min(10);
    let spool = tempfile::tempdir()?;
    let sink = CountingSink::start()?;
    let setup = Setup::otlp(sink.address(), Protocol::Http)
        .spool(spool.path())
        .var("TRACER_SPOOL_MAX_BYTES", "8GiB")
        .var("TRACER_SHUTDOWN_TIMEOUT", "5m");
    let mut worker = Worker::start(bench, &setup)?;
    let watch = Watch::start(worker.pid());
    worker.load(0, None, 2)?;
    // The load's own time.
    std::thread::sleep(Duration::from_secs(seconds));
    let done = worker.stop_load()?;
    let torn = worker.teardown()?;
    let most = watch.most();
    worker.end()?;
    let (report, arrived) = (torn.report, sink.distinct());
    bench.law.check(&mut finding, &report);
    bench.law.delivered(&mut finding, report.only().delivered, sink.spans());
    finding.must(report.accepted == done.spans, || format!("{} accepted of {}", report.accepted, done.spans));
    finding.must(arrived == done.spans, || format!("flat out: {} lost: {report:?}", done.spans - arrived));
    finding.figure(format!(
        "flat out on 2 threads: {} spans at {:.0}/s, lost {}, all delivered {:.1} s later, RssAnon {:.1} MiB",
        done.spans,
        done.spans as f64 / done.seconds,
        done.spans - arrived,
        torn.seconds,
        most.anonymous as f64 / (1 << 20) as f64
    ));
    Ok(finding)
}
