//! Bar 12, third part: the system gives the process no thread. The worker does its work without traces.

use anyhow::Result;
use tracer_factory_testkit::faults::CountingSink;

use crate::harness::{Bench, Finding, Need, Protocol, Setup, Worker, strace_missing};

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    if let Some(why) = strace_missing() {
        bench.without(&mut finding, Need::Strace, "refused threads", why);
        return Ok(finding);
    }
    let spool = tempfile::tempdir()?;
    let sink = CountingSink::start()?;
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=clone,clone3"];
    let strace: Vec<_> = strace.into_iter().chain(["-e", "inject=clone,clone3:error=EAGAIN"]).collect();
    let setup = Setup::otlp(sink.address(), Protocol::Http).spool(spool.path()).under(&strace);
    let mut worker = Worker::start(bench, &setup)?;
    let why = worker.refusal().unwrap_or_default().to_owned();
    finding.must(why.contains("thread"), || format!("the error says nothing of threads: {why:?}"));
    // The host goes on: scopes open and close, and nothing is claimed.
    let durations: (i64, i64) = worker.ask("durations", "durations")?;
    let torn = worker.teardown()?.report;
    bench.law.check(&mut finding, &torn);
    bench.law.delivered(&mut finding, torn.destinations.iter().map(|one| one.delivered).sum(), sink.spans());
    worker.end()?;
    finding.must(durations.0 >= 0 || durations.0 > durations.1, || format!("{durations:?}"));
    finding.figure("no thread to be had: the worker goes on, and is told why");
    Ok(finding)
}
