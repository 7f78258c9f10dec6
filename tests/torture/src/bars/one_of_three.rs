//! Bar 16: one backend of three is down. The other two get their spans as fast as before.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tracer_factory_testkit::faults::{Answer, CountingSink, Fault, FaultProxy};

use crate::harness::{Bench, Finding, Protocol, Setup, Worker};

const SHARE: f64 = 0.95;
const SPANS: u64 = 150_000;

pub(super) fn bar(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    for (name, fault) in [("refuses", Fault::Refuse), ("hangs", Fault::Hang)] {
        let mut shares = Vec::new();
        for pair in 0..bench.rounds(3, 6).min(50) {
            // Which of the two goes first changes, and with it whom the machine's moods hit.
            let faults = [Fault::Answer(Answer::http(202).into()), fault.clone()];
            let order = if pair % 2 == 0 { [0, 1] } else { [1, 0] };
            let mut took = [Duration::ZERO; 2];
            for which in order {
                took[which] = run(bench, &mut finding, &faults[which])?;
            }
            shares.push(took[0].as_secs_f64() / took[1].as_secs_f64());
        }
        shares.sort_by(f64::total_cmp);
        let median = shares[shares.len() / 2];
        finding.figure(format!(
            "third {name}: the others keep {:.0} % of their throughput (median of {} pairs, {:.0} to {:.0} %)",
            100.0 * median,
            shares.len(),
            100.0 * shares[0],
            100.0 * shares[shares.len() - 1],
        ));
        finding.must(median >= SHARE, || format!("third {name}: {shares:.2?}"));
    }
    Ok(finding)
}

/// From the first span until both others have them all.
fn run(bench: &Bench, finding: &mut Finding, third: &Fault) -> Result<Duration> {
    const LIMIT: Duration = Duration::from_secs(60);
    let spool = tempfile::tempdir()?;
    let (first, second) = (CountingSink::start()?, CountingSink::start()?);
    // Nothing is behind it: it answers by itself, or is down.
    let zipkin = FaultProxy::start(first.address())?;
    zipkin.set(third.clone())?;
    let setup = Setup::otlp(first.address(), Protocol::Http)
        .and_session(second.address())
        .var("TRACER_TYPE", "otlp,agent-session,zipkin")
        .var("ZIPKIN_ENDPOINT", format!("http://{}/api/v2/spans", zipkin.address()))
        .var("TRACER_SCHEDULE_DELAY", "50ms")
        .var("TRACER_SHUTDOWN_TIMEOUT", "1s")
        .var("TRACER_OVERFLOW", "block")
        .spool(spool.path());
    let mut worker = Worker::start(bench, &setup)?;
    let begin = Instant::now();
    worker.load(0, Some(SPANS), 1)?;
    ensure!(first.wait_for(SPANS, LIMIT) && second.wait_for(SPANS, LIMIT), "{:?}", worker.report()?);
    let took = begin.elapsed();
    worker.loaded()?;
    let torn = worker.teardown()?.report;
    worker.end()?;
    bench.law.check(finding, &torn);
    for (sink, said) in [&first, &second].into_iter().zip(&torn.destinations) {
        bench.law.delivered(finding, said.delivered, sink.spans());
    }
    Ok(took)
}
