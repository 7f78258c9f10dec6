//! Bar 2: the collector is down for long, in every way there is, and then everything arrives. Memory does not grow.

use std::time::Duration;

use anyhow::Result;
use tracer_factory_testkit::faults::{Answer, CountingSink, Fault, FaultProxy};

use crate::harness::{Bench, Finding, Protocol, Setup, Watch, Worker, usage};

const RATE: u64 = 1_000;
const GROWTH: u64 = 32 << 20;
/// From the collector's return until the last span has arrived.
const CATCH_UP: Duration = Duration::from_secs(90);

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let seconds = bench.seconds(4, 20);
    let spool = tempfile::tempdir()?;
    let sink = CountingSink::start()?;
    let proxy = FaultProxy::start(sink.address())?;
    let setup = Setup::otlp(proxy.address(), Protocol::Http).spool(spool.path());
    let mut worker = Worker::start(bench, &setup)?;

    // A healthy second first: what grows by then is what any worker takes.
    worker.load(RATE, Some(RATE), 1)?;
    worker.loaded()?;
    worker.flush(Duration::from_secs(10))?;
    let before = usage(worker.pid())?;
    let watch = Watch::start(worker.pid());

    let outages =
        [Fault::Refuse, Fault::Hang, Fault::Answer(Answer::http(503).into()), Fault::BlackHole, Fault::Reset];
    proxy.set(outages[0].clone())?;
    worker.load(RATE, Some(seconds * RATE), 1)?;
    for outage in outages.clone() {
        proxy.set(outage)?;
        // The outage's own time.
        std::thread::sleep(Duration::from_secs(seconds) / outages.len() as u32);
    }
    let done = worker.loaded()?;
    let pending = worker.report()?.pending();
    proxy.set(Fault::Pass)?;
    let begin = std::time::Instant::now();
    let expected = RATE + done.spans;
    sink.wait_for(expected, CATCH_UP);
    let caught_up = begin.elapsed();
    // The last answer has to come back.
    let settled = worker.flush(Duration::from_secs(10))?;
    let most = watch.most();
    let torn = worker.teardown()?.report;
    worker.end()?;

    let growth = most.rss.saturating_sub(before.rss);
    finding.figure(format!("{seconds} s at {RATE}/s, {pending} spans waiting at its end"));
    finding.figure(format!(
        "delivered {} of {expected}, {:.1} s after its return",
        sink.distinct(),
        caught_up.as_secs_f64()
    ));
    finding.figure(format!("duplicated {}", sink.spans() - sink.distinct()));
    finding.figure(format!("RSS grew by {:.1} MiB", growth as f64 / (1 << 20) as f64));
    bench.law.check(&mut finding, &torn);
    bench.law.delivered(&mut finding, torn.only().delivered, sink.spans());
    finding.must(settled.pending() == 0, || format!("still waiting: {settled:?}"));
    finding.must(torn.accepted == expected, || format!("accepted {} of {expected}", torn.accepted));
    finding
        .must(sink.distinct() == expected, || format!("{} of {expected} arrived: {torn:?}", sink.distinct()));
    finding
        .must(pending >= done.spans, || format!("only {pending} were waiting: the collector was not down"));
    finding.must(growth <= GROWTH, || format!("RSS grew from {before:?} to {most:?}"));
    Ok(finding)
}
