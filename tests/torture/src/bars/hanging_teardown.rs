//! Bar 10: the receiver hangs or takes a byte now and then, and the worker has two seconds left. It is back in time, and
//! what was not delivered is on disk and arrives with the next process.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tracer_factory_testkit::faults::{CountingSink, Direction, Fault, FaultProxy};

use crate::harness::{Bench, Finding, Protocol, Setup, Worker};

const LIMIT_SECONDS: f64 = 2.1;
const SPANS: u64 = 3_000;

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let faults = [
        ("silent", Fault::Hang),
        ("unreachable", Fault::BlackHole),
        ("trickling", Fault::Trickle(100)),
        ("slow to answer", Fault::Delay(Duration::from_secs(30))),
        ("silent after the request", Fault::Cut { direction: Direction::Down, after: 0 }),
    ];
    let (mut longest, mut kept) = (0.0_f64, 0);
    for protocol in [Protocol::Http, Protocol::Grpc] {
        for (name, fault) in &faults {
            let name = format!("{name}, {protocol:?}");
            let spool = tempfile::tempdir()?;
            let sink = CountingSink::start()?;
            let proxy = FaultProxy::start(sink.address())?;
            proxy.set(fault.clone())?;
            let setup = Setup::otlp(proxy.address(), protocol)
                .spool(spool.path())
                .var("TRACER_SHUTDOWN_TIMEOUT", "2s")
                .var("TRACER_BATCH_SPANS", "1000");
            let mut worker = Worker::start(bench, &setup)?;
            worker.load(0, Some(SPANS), 1)?;
            worker.loaded()?;
            let torn = worker.teardown()?;
            worker.end()?;
            longest = longest.max(torn.seconds);
            let report = &torn.report;
            bench.law.check(&mut finding, report);
            finding.must(torn.seconds <= LIMIT_SECONDS, || format!("{name}: {:.2} s", torn.seconds));
            finding.must(report.safe && report.lost() == 0, || format!("{name}: not safe: {report:?}"));
            finding
                .must(report.pending() == 0 || report.kept_in.is_some(), || format!("{name}: kept nowhere"));
            kept += report.pending();

            // The next process, with the receiver back.
            proxy.set(Fault::Pass)?;
            let mut next = Worker::start(bench, &setup.var("TRACER_SHUTDOWN_TIMEOUT", "60s"))?;
            let begin = std::time::Instant::now();
            let mut last = next.report()?;
            while begin.elapsed() < Duration::from_secs(30) && (sink.distinct() < SPANS || last.pending() > 0)
            {
                last = next.flush(Duration::from_millis(50))?;
            }
            let last = next.teardown()?.report;
            next.end()?;
            bench.law.check(&mut finding, &last);
            let found = last.destinations.first().context("a destination")?.recovered.found;
            finding.must(found == report.pending(), || {
                format!("{name}: {} pending, and {found} were found", report.pending())
            });
            finding
                .must(sink.distinct() == SPANS, || format!("{name}: {} of {SPANS} arrived", sink.distinct()));
            if *name == *"silent" || name.starts_with("unreachable") {
                bench.law.delivered(&mut finding, last.only().confirmed(), sink.spans());
            }
        }
    }
    let rounds = 2 * faults.len();
    finding.figure(format!("{rounds} × teardown(2 s): at most {longest:.2} s"));
    finding.figure(format!(
        "{kept} of {} spans kept on disk and delivered by the next process",
        SPANS * rounds as u64
    ));
    finding.must(kept > 0, || "nothing was ever kept".to_owned());
    Ok(finding)
}
