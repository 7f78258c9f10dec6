//! Bar 4, second part: a thread that records asks nothing of the system that could wait for somebody else. Where its
//! lane is full it may give its processor away now and then, and for no longer than the configuration says.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Result;
use tracer_factory_testkit::faults::{CountingSink, Fault, FaultProxy};

use crate::harness::{Bench, Calls, Finding, Need, Protocol, Setup, SmallDisk, Worker, strace_missing};
use crate::worker::latency::{BEGIN, END, FIRST, MANY};

const SPANS: u64 = 5_000;
/// Between two scopes of the load that fills no lane, in microseconds.
const GAP: u64 = 200;
/// What a full lane may hold a thread up in all, in seconds: a tenth, and what `strace` adds.
const LONGEST_WAIT: f64 = 0.15;

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    if let Some(why) = strace_missing() {
        bench.without(&mut finding, Need::Strace, "system calls", why);
        return Ok(finding);
    }
    for (name, fault) in [("healthy", Fault::Pass), ("dead", Fault::Refuse), ("slow", Fault::Trickle(50))] {
        let spool = tempfile::tempdir()?;
        judge(bench, &mut finding, name, &fault, spool.path(), None)?;
    }
    match SmallDisk::mount(40 << 20) {
        Ok(disk) => judge(bench, &mut finding, "disk full", &Fault::Refuse, disk.path(), Some(&disk))?,
        Err(error) => bench.without(&mut finding, Need::Mount, "a full disk", format!("{error:#}")),
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
    let strace = ["strace", "-ff", "-y", "-ttt", "-o"].map(OsStr::new);
    let strace: Vec<_> = strace.into_iter().chain([prefix.as_os_str()]).collect();
    let setup = Setup::otlp(proxy.address(), Protocol::Http)
        .spool(spool)
        .var("TRACER_SCHEDULE_DELAY", "20ms")
        .var("TRACER_SHUTDOWN_TIMEOUT", "1s")
        .under(&strace);
    let mut worker = Worker::start(bench, &setup)?;
    let first: i32 = worker.ask("marked spans=1 gap=0", "marked")?;
    let first = Calls::last_between(&prefix.with_extension(first.to_string()), FIRST, BEGIN)?;
    if let Some(disk) = disk {
        disk.fill()?;
    }
    let thread: i32 = worker.ask(&format!("marked spans={SPANS} gap={GAP}"), "marked")?;
    let trace = prefix.with_extension(thread.to_string());
    let paced = Calls::last_between(&trace, BEGIN, END)?;
    worker.ask::<i32>(&format!("marked spans={MANY} gap=0"), "marked")?;
    let filling = Calls::last_between(&trace, BEGIN, END)?;
    let dropped = worker.report()?.only().dropped;
    let torn = worker.teardown()?.report;
    worker.end()?;
    bench.law.check(finding, &torn);

    if name == "healthy" {
        finding.figure(format!("a thread's first scope: {}", words(&first)));
    }
    let waits = filling.waits();
    finding.figure(format!("{name}: {SPANS} scopes with gaps: {}", words(&paced)));
    finding.figure(format!(
        "{name}: {MANY} without, dropped {dropped:?}: {}, {} waits of at most {:.1} ms",
        words(&filling),
        waits.times,
        1000.0 * waits.longest
    ));
    finding.must(paced.waits().yields == 0, || format!("{name}: a thread waits though its lane has room"));
    finding.must(waits.longest <= LONGEST_WAIT, || {
        format!("{name}: a full lane holds its thread up for {:.3} s", waits.longest)
    });
    for calls in [paced, filling] {
        let blocking = calls.blocking();
        finding.must(blocking.is_empty(), || {
            format!("{name}: {} calls could block, the first: {}", blocking.len(), blocking[0])
        });
    }
    Ok(())
}

fn words(calls: &Calls) -> String {
    let counts: Vec<_> = calls.counts().iter().map(|(call, times)| format!("{call} × {times}")).collect();
    if counts.is_empty() { "no system call".to_owned() } else { counts.join(" ") }
}
