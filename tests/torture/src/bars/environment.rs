//! Bar 13: every variable with every bad value. No process ends, none is busy while it idles, and whoever set a value
//! that can't be is told so once, by the variable's name.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tracer_factory::env::{Kind, VARS, Var};
use tracer_factory_testkit::faults::CountingSink;

use crate::harness::{Bench, Finding, Protocol, Setup, Worker, cpu_time};

/// Of one processor.
const IDLE: f64 = 0.005;
const SECOND_LOOK: Duration = Duration::from_secs(3);
/// Started, watched and ended together.
const GROUP: usize = 32;
/// The kernel takes no longer text in a process' environment.
const LONGEST: usize = 128 * 1024;

/// A value, and what it is called.
fn values() -> [(&'static str, OsString); 7] {
    [
        ("empty", OsString::new()),
        ("0", "0".into()),
        ("-1", "-1".into()),
        ("2^64", "18446744073709551616".into()),
        ("NaN", "NaN".into()),
        ("non-UTF-8", OsString::from_vec(vec![0xff, 0xfe, b'x'])),
        // A whole megabyte can't come from outside; the worker is asked about that one below.
        ("128 KiB", OsString::new()),
    ]
}

struct Case {
    variable: &'static Var,
    called: &'static str,
    value: OsString,
}

/// Whether somebody must be told. `None`: it may be what was meant, or nobody reads it here.
fn must_tell(variable: &Var, called: &str) -> Option<bool> {
    if called == "empty" {
        // As if it were not there.
        return Some(false);
    }
    if variable.is_otel() {
        // Read only where nothing of ours says otherwise.
        return None;
    }
    match variable.kind {
        Kind::Count(bounds) | Kind::Size(bounds) | Kind::Duration(bounds) | Kind::Millis(bounds) => {
            Some(called != "0" || !bounds.hold(0))
        }
        // 0 is a ratio, a no, and any free port.
        Kind::Ratio | Kind::Bool | Kind::Listen => Some(called != "0"),
        Kind::OneOf(_) | Kind::ListOf(_) | Kind::Url(_) => Some(true),
        Kind::Text if called == "non-UTF-8" => Some(true),
        _ => None,
    }
}

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let sink = CountingSink::start()?;
    let window = Duration::from_millis(if bench.effort.short { 300 } else { 1000 });
    let mut cases = cases();
    if bench.effort.short {
        // A different third each time; a longer run has them all.
        let first = bench.effort.seed as usize % 3;
        cases = cases.into_iter().skip(first).step_by(3).collect();
    }
    let mut totals = Totals::default();
    for group in cases.chunks(GROUP) {
        judge(bench, &mut finding, &mut totals, &sink, group, window)?;
    }
    let Totals { refused, warned, accepted, busiest } = totals;
    finding.figure(format!(
        "{} processes: {refused} refused by name, {warned} warned, {accepted} silent; 0 aborts, busiest {:.2} % of a core",
        cases.len(),
        100.0 * busiest
    ));
    megabytes(bench, &mut finding)?;
    Ok(finding)
}

fn cases() -> Vec<Case> {
    let of = |variable: &'static Var| {
        values().map(|(called, value)| {
            let room = LONGEST - variable.name.len() - 2;
            let value = if called == "128 KiB" { "x".repeat(room).into() } else { value };
            Case { variable, called, value }
        })
    };
    VARS.iter().flat_map(of).collect()
}

#[derive(Default)]
struct Totals {
    refused: u64,
    warned: u64,
    accepted: u64,
    busiest: f64,
}

fn judge(
    bench: &Bench,
    finding: &mut Finding,
    totals: &mut Totals,
    sink: &CountingSink,
    group: &[Case],
    window: Duration,
) -> Result<()> {
    let spool = tempfile::tempdir()?;
    let mut running = Vec::new();
    for case in group {
        let what = format!("{}={}", case.variable.name, case.called);
        let setup = Setup::otlp(sink.address(), Protocol::Http)
            .spool(spool.path())
            .var("TRACER_SERVER_LISTEN", "127.0.0.1:0")
            .var("TRACER_SHUTDOWN_TIMEOUT", "200ms")
            // What a wrong value falls back to must not be somebody's home.
            .var("XDG_STATE_HOME", spool.path())
            .var(case.variable.name, &case.value);
        let mut worker = Worker::start(bench, &setup).with_context(|| what.clone())?;
        worker.load(0, Some(3), 1).with_context(|| what.clone())?;
        worker.loaded()?;
        running.push((case, what, worker));
    }
    for (_, _, worker) in &mut running {
        worker.flush(Duration::from_millis(100))?;
    }
    let begin = Instant::now();
    let before: Vec<_> =
        running.iter().map(|(_, _, worker)| cpu_time(worker.pid())).collect::<Result<_>>()?;
    std::thread::sleep(window);
    for ((case, what, mut worker), before) in running.into_iter().zip(before) {
        let mut busy = (cpu_time(worker.pid())? - before).as_secs_f64() / begin.elapsed().as_secs_f64();
        if busy > IDLE {
            // Something that is due now and then may fall into a short time; what spins is no better in a longer one.
            let (begin, before) = (Instant::now(), cpu_time(worker.pid())?);
            std::thread::sleep(SECOND_LOOK);
            busy = (cpu_time(worker.pid())? - before).as_secs_f64() / begin.elapsed().as_secs_f64();
        }
        totals.busiest = totals.busiest.max(busy);
        finding.must(busy <= IDLE, || format!("{what}: {:.2} % of a core while idle", 100.0 * busy));
        let torn = worker.teardown().with_context(|| what.clone())?.report;
        bench.law.check(finding, &torn);

        let name = case.variable.name;
        let log = worker.log();
        let warnings = log.lines().filter(|line| line.contains("WARN") && line.contains(name)).count();
        let refusals = usize::from(worker.refusal().is_some_and(|error| error.contains(name)));
        finding.must(worker.refusal().is_none() || refusals == 1, || {
            format!("{what}: the refusal does not name it: {:?}", worker.refusal())
        });
        match must_tell(case.variable, case.called) {
            Some(true) => finding.must(warnings + refusals == 1, || {
                format!("{what}: told {} times: {:?}: {log}", warnings + refusals, worker.refusal())
            }),
            Some(false) => finding.must(refusals == 0, || format!("{what}: {:?}", worker.refusal())),
            None => finding.must(warnings + refusals <= 1, || format!("{what}: told more than once: {log}")),
        }
        totals.refused += refusals as u64;
        totals.warned += warnings as u64;
        totals.accepted += u64::from(refusals + warnings == 0);
        worker.end().with_context(|| what)?;
    }
    Ok(())
}

/// A megabyte in each variable, in a process that is given it by hand: errors stay short.
fn megabytes(bench: &Bench, finding: &mut Finding) -> Result<()> {
    let mut worker = Worker::start(bench, &Setup::default().var("TRACER_TYPE", "noop"))?;
    for variable in VARS {
        let name = variable.name;
        let error: Option<String> = worker.ask(&format!("megabyte name={name}"), "megabyte")?;
        if let Some(error) = &error {
            finding.must(error.contains(name) && error.len() < 2000, || {
                format!("{name}=1 MB: {} bytes of error", error.len())
            });
        }
        if must_tell(variable, "1 MB") == Some(true) {
            finding.must(error.is_some(), || format!("{name}=1 MB is taken"));
        }
    }
    worker.end()?;
    finding.figure(format!("{} variables of a megabyte", VARS.len()));
    Ok(())
}
