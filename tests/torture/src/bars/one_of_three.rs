//! Bar 16: one backend of three is down. The other two get their spans as fast as before.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tracer_factory_testkit::faults::{Answer, CountingSink, Fault, FaultProxy};

use crate::harness::{Bench, Finding, Protocol, Setup, Worker};
use crate::worker::figures::Figures;

const SHARE: f64 = 0.95;
const SPANS: u64 = 150_000;
/// Where nothing is timed.
const FEW: u64 = 20_000;

/// What the third backend does.
#[derive(Clone)]
enum Third {
    Absent,
    Does(Fault),
}

/// By counts: both others get each span once while the third gets none, and what is the third's is kept.
pub(super) fn counted(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    for (name, fault) in [("refuses", Fault::Refuse), ("hangs", Fault::Hang)] {
        let ran = run(bench, &mut finding, &Third::Does(fault), FEW)?;
        for (number, (distinct, arrivals)) in ran.arrived.into_iter().enumerate() {
            finding.must(distinct == FEW && arrivals == FEW, || {
                format!("third {name}: destination {number} got {distinct} of {FEW}, {arrivals} times in all")
            });
        }
        let third = ran.torn.destinations.get(2).context("a third destination")?;
        finding.must(third.pending == FEW && ran.torn.kept_in.is_some(), || {
            format!("third {name}: its spans are not kept: {:?}", ran.torn)
        });
        finding.figure(format!("third {name}: {FEW} of {FEW} to each other one, {} kept", third.pending));
    }
    Ok(finding)
}

/// By the clock.
pub(super) fn timed(bench: &Bench) -> Result<Finding> {
    let mut finding = Finding::default();
    let healthy = Third::Does(Fault::Answer(Answer::http(202).into()));
    let (refuses, hangs) = (Third::Does(Fault::Refuse), Third::Does(Fault::Hang));
    let thirds = [healthy, Third::Absent, refuses, hangs];
    let mut took: [Vec<f64>; 4] = Default::default();
    for round in 0..bench.rounds(4, 4).min(50) as usize {
        // Who goes first changes, and with it whom the machine's moods hit.
        for step in 0..thirds.len() {
            let which = (step + round) % thirds.len();
            let ran = run(bench, &mut finding, &thirds[which], SPANS)?;
            took[which].push(ran.took.as_secs_f64());
        }
    }
    let [healthy, absent, refuses, hangs] = took;
    for (name, down) in [("refuses", refuses), ("hangs", hangs)] {
        let of_healthy = median_share(&healthy, &down);
        finding.figure(format!(
            "third {name}: the others have {:.0} % of their throughput with a healthy third, {:.0} % of that with none (medians of {} rounds)",
            100.0 * of_healthy,
            100.0 * median_share(&absent, &down),
            down.len()
        ));
        finding.must(of_healthy >= SHARE, || format!("third {name}: {:.2} of the throughput", of_healthy));
    }
    Ok(finding)
}

/// The throughput of one over that of the other, by the round.
fn median_share(before: &[f64], after: &[f64]) -> f64 {
    let mut shares: Vec<_> = before.iter().zip(after).map(|(before, after)| before / after).collect();
    shares.sort_by(f64::total_cmp);
    shares[shares.len() / 2]
}

/// What came of one run.
struct Ran {
    /// From the first span until both others have them all.
    took: Duration,
    /// Different spans of each of the others, and arrivals.
    arrived: [(u64, u64); 2],
    torn: Figures,
}

fn run(bench: &Bench, finding: &mut Finding, third: &Third, spans: u64) -> Result<Ran> {
    const LIMIT: Duration = Duration::from_secs(60);
    let spool = tempfile::tempdir()?;
    let (first, second) = (CountingSink::start()?, CountingSink::start()?);
    // Nothing is behind it: it answers by itself, or is down.
    let zipkin = FaultProxy::start(first.address())?;
    if let Third::Does(fault) = third {
        zipkin.set(fault.clone())?;
    }
    let types =
        if matches!(third, Third::Absent) { "otlp,agent-session" } else { "otlp,agent-session,zipkin" };
    let setup = Setup::otlp(first.address(), Protocol::Http)
        .and_session(second.address())
        .var("TRACER_TYPE", types)
        .var("ZIPKIN_ENDPOINT", format!("http://{}/api/v2/spans", zipkin.address()))
        .var("TRACER_SCHEDULE_DELAY", "50ms")
        .var("TRACER_SHUTDOWN_TIMEOUT", "1s")
        .var("TRACER_OVERFLOW", "block")
        .spool(spool.path());
    let mut worker = Worker::start(bench, &setup)?;
    let begin = Instant::now();
    worker.load(0, Some(spans), 1)?;
    ensure!(first.wait_for(spans, LIMIT) && second.wait_for(spans, LIMIT), "{:?}", worker.report()?);
    let took = begin.elapsed();
    worker.loaded()?;
    let torn = worker.teardown()?.report;
    worker.end()?;
    bench.law.check(finding, &torn);
    for (sink, said) in [&first, &second].into_iter().zip(&torn.destinations) {
        bench.law.delivered(finding, said.delivered, sink.spans());
    }
    let arrived = [&first, &second].map(|sink| (sink.distinct(), sink.spans()));
    Ok(Ran { took, arrived, torn })
}
