//! Bar 12, first part: an exporter panics a hundred times, once over a batch, twice, and so often that the batch is
//! given up. Each time export goes on within a second, and only what was given up is lost.

use anyhow::Result;

use crate::harness::{Bench, Finding, Setup, Worker};
use crate::worker::Panicked;

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let times = bench.rounds(10, 100).min(1000);
    let mut worker = Worker::start(bench, &Setup::default().var("TRACER_TYPE", "noop"))?;
    let panicked: Panicked = worker.ask(&format!("panics times={times}"), "panicked")?;
    worker.end()?;
    let Panicked { panics, resumed_seconds, stored, given_up, report } = panicked;
    finding.figure(format!(
        "{panics} panics, up to three over one batch, export goes on within {resumed_seconds:.2} s, {given_up} spans given up"
    ));
    bench.law.check(&mut finding, &report);
    bench.law.delivered(&mut finding, report.only().delivered, stored);
    finding.must(panics == times, || format!("{panics} panics of {times}"));
    finding.must(report.lost() == given_up, || {
        format!("{given_up} spans were to be given up, and {} were: {report:?}", report.lost())
    });
    finding.must(resumed_seconds <= 1.0, || format!("export went on after {resumed_seconds:.2} s"));
    Ok(finding)
}
