//! Bar 12, second part: a worker forks while it traces. Parent and children deliver their own spans, once.

use std::collections::HashSet;

use anyhow::Result;
use tracer_factory_testkit::faults::CountingSink;

use crate::harness::{Bench, Finding, Protocol, Setup, Worker};
use crate::worker::Forked;

const SPANS: u64 = 500;

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let children = bench.rounds(3, 8).min(100);
    for spooled in [true, false] {
        let spool = tempfile::tempdir()?;
        let notes = tempfile::tempdir()?;
        let sink = CountingSink::start()?;
        let setup = Setup::otlp(sink.address(), Protocol::Http).var("TRACER_SCHEDULE_DELAY", "10ms");
        let setup = if spooled { setup.spool(spool.path()) } else { setup };
        let mut worker = Worker::start(bench, &setup)?;
        let command = format!("fork children={children} spans={SPANS} notes={}", notes.path().display());
        let forked: Forked = worker.ask(&command, "forked")?;
        let torn = worker.teardown()?.report;
        worker.end()?;

        let place = if spooled { "spool on" } else { "spool off" };
        let mut confirmed = torn.only().confirmed();
        let mut before = 0;
        bench.law.check(&mut finding, &torn);
        for (number, child) in forked.children.iter().enumerate() {
            let what = format!("{place}, child {number}");
            finding.must(child.status == 0, || format!("{what}: wait status {}", child.status));
            let Some(own) = &child.torn else {
                finding.must(false, || format!("{what}: no report"));
                continue;
            };
            bench.law.check(&mut finding, &own.report);
            finding.must(child.after.len() as u64 == 2 * SPANS, || {
                format!("{what}: recorded {} of {}: {:?}", child.after.len(), 2 * SPANS, own.report)
            });
            confirmed += own.report.only().confirmed();
            before += child.before.len();
        }
        let expected: Vec<u64> =
            forked.children.iter().flat_map(|child| &child.after).chain(&forked.parent).copied().collect();
        let different: HashSet<_> = expected.iter().collect();
        let tally = sink.tally(different.iter().map(|id| **id));
        finding.must(different.len() == expected.len(), || {
            format!("{place}: {} identifiers are used twice", expected.len() - different.len())
        });
        finding.must(tally.lost == 0 && tally.duplicated == 0, || {
            format!("{place}: {tally:?} of {}", expected.len())
        });
        // Spans of a child before `init_worker` may be recorded or not, but they are nobody else's.
        finding.must(tally.unexpected <= before as u64, || {
            format!("{place}: {tally:?}, {before} before init_worker")
        });
        bench.law.delivered(&mut finding, confirmed, sink.spans());
        finding.figure(format!(
            "{children} forks, {place}: {} spans of parent and children, lost {}, twice {}",
            expected.len(),
            tally.lost,
            tally.duplicated
        ));
    }
    Ok(finding)
}
