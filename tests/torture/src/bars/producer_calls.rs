//! Bar 4, second part: a thread that records asks nothing of the system that could wait for somebody else.

use std::path::Path;

use anyhow::Result;
use tracer_factory_testkit::faults::{CountingSink, Fault, FaultProxy};

use crate::harness::{Bench, Calls, Finding, Protocol, Setup, SmallDisk, Worker, strace_missing};
use crate::worker::latency::{BEGIN, END, FIRST};

const SPANS: u64 = 5_000;

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    if let Some(why) = strace_missing() {
        finding.without(why);
        return Ok(finding);
    }
    for (name, fault) in [("healthy", Fault::Pass), ("dead", Fault::Refuse), ("slow", Fault::Trickle(50))] {
        let spool = tempfile::tempdir()?;
        judge(bench, &mut finding, name, &fault, spool.path(), None)?;
    }
    match SmallDisk::mount(40 << 20) {
        Ok(disk) => judge(bench, &mut finding, "disk full", &Fault::Refuse, disk.path(), Some(&disk))?,
        Err(error) => finding.without(format!("a full disk: none can be mounted ({error})")),
    }
    Ok(finding)
}

fn judge(
    bench: &Bench,
    finding: &mut Finding,
    name: &str,
    fault: &Fault,
    spool: &Path,
    disk: Option<&SmallDisk>,
) -> Result<()> {
    let sink = CountingSink::start()?;
    let proxy = FaultProxy::start(sink.address())?;
    proxy.set(fault.clone())?;
    let traces = tempfile::tempdir()?;
    let prefix = traces.path().join("calls");
    let strace = ["strace".as_ref(), "-ff".as_ref(), "-y".as_ref(), "-o".as_ref(), prefix.as_os_str()];
    let setup = Setup::otlp(proxy.address(), Protocol::Http)
        .spool(spool)
        .var("TRACER_SCHEDULE_DELAY", "20ms")
        .var("TRACER_SHUTDOWN_TIMEOUT", "1s")
        .under(&strace);
    let mut worker = Worker::start(bench, &setup)?;
    let first: i32 = worker.ask("marked spans=1", "marked")?;
    let first = Calls::last_between(&prefix.with_extension(first.to_string()), FIRST, BEGIN)?;
    if let Some(disk) = disk {
        disk.fill()?;
    }
    let thread: i32 = worker.ask(&format!("marked spans={SPANS}"), "marked")?;
    let torn = worker.teardown()?.report;
    worker.end()?;
    bench.law.check(finding, &torn);

    if name == "healthy" {
        finding.figure(format!("a thread's first scope: {}", words(&first)));
    }
    let calls = Calls::last_between(&prefix.with_extension(thread.to_string()), BEGIN, END)?;
    finding.figure(format!("{SPANS} more, {name}: {}", words(&calls)));
    let blocking = calls.blocking();
    finding.must(blocking.is_empty(), || {
        format!("{name}: {} calls could block, the first: {}", blocking.len(), blocking[0])
    });
    Ok(())
}

fn words(calls: &Calls) -> String {
    let counts: Vec<_> = calls.counts().iter().map(|(call, times)| format!("{call} × {times}")).collect();
    if counts.is_empty() { "no system call".to_owned() } else { counts.join(" ") }
}
