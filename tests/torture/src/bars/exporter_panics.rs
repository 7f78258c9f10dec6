//! Bar 12, first part: an exporter panics a hundred times, once over a batch, twice, and so often that the batch is
//! given up. Each time export goes on within about a second, and only what was given up is lost.

use anyhow::Result;

use crate::harness::{Bench, Finding, Setup, Worker};
use crate::worker::Panicked;

/// After any panic.
const RESUMED: f64 = 1.0;
/// After a second one over the same batch, whose back-off alone may be a second.
const RESUMED_AFTER_TWO: f64 = 1.2;

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let times = bench.rounds(10, 100).min(1000);
    let mut worker = Worker::start(bench, &Setup::default().var("TRACER_TYPE", "noop"))?;
    let panicked: Panicked = worker.ask(&format!("panics times={times}"), "panicked")?;
    worker.end()?;
    let Panicked { panics, resumed_seconds, stored, given_up, report } = panicked;
    let [one, two, last] = resumed_seconds;
    finding.figure(format!(
        "{panics} panics, export goes on within {one:.2} s, {two:.2} s after a second over the same batch, {last:.2} s after a third, which gave up {given_up} spans"
    ));
    bench.law.check(&mut finding, &report);
    bench.law.delivered(&mut finding, report.only().delivered, stored);
    finding.must(panics == times, || format!("{panics} panics of {times}"));
    finding.must(report.lost() == given_up, || {
        format!("{given_up} spans were to be given up, and {} were: {report:?}", report.lost())
    });
    finding.must(one.max(last) <= RESUMED && two <= RESUMED_AFTER_TWO, || {
        format!("export went on after {one:.2}, {two:.2} and {last:.2} s")
    });
    Ok(finding)
}
