//! A whole tracer behind a connection that breaks in every way there is: nothing is lost, and what came twice is known.

use std::time::{Duration, Instant};

use crate::support::{config, connect};
use tracer_factory_core::config::{OtlpConfig, OtlpProtocol, SpoolDirectory, TracerConfig, TracerType};
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::tracer::BaseTracer;
use tracer_factory_otlp::BACKEND;
use tracer_factory_testkit::faults::{Answer, CountingSink, Direction, Fault, FaultProxy, Tally};

/// Long enough for anything that is to happen, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);
const PROTOCOLS: [OtlpProtocol; 2] = [OtlpProtocol::HttpProtobuf, OtlpProtocol::Grpc];

/// What one test leaves is nothing to another.
pub(crate) fn tracer(otlp: OtlpConfig) -> RecordingTracer {
    tracer_with_spool(otlp, SpoolDirectory::Off)
}

pub(crate) fn tracer_with_spool(otlp: OtlpConfig, spool: SpoolDirectory) -> RecordingTracer {
    let mut config = TracerConfig::new(TracerType::Otlp);
    config.otlp = otlp;
    config.delivery.schedule_delay = Duration::from_millis(5);
    config.delivery.shutdown_timeout = Duration::from_millis(10);
    config.delivery.spool.directory = spool;
    let plan = (BACKEND.plan)(&config).unwrap();
    RecordingTracer::with_plans(&config, vec![plan]).unwrap()
}

/// Everything between a worker and its receiver.
struct Pipeline {
    sink: CountingSink,
    proxy: FaultProxy,
    tracer: RecordingTracer,
    recorded: Vec<u64>,
}

impl Pipeline {
    fn new(protocol: OtlpProtocol) -> Self {
        Self::with_timeout(protocol, PATIENCE)
    }

    fn with_timeout(protocol: OtlpProtocol, timeout: Duration) -> Self {
        Self::before(CountingSink::start().unwrap(), protocol, timeout)
    }

    fn before(sink: CountingSink, protocol: OtlpProtocol, timeout: Duration) -> Self {
        let proxy = FaultProxy::start(sink.address()).unwrap();
        let mut otlp = config(format!("http://{}", proxy.address()));
        otlp.protocol = Some(protocol);
        otlp.timeout = timeout;
        Self { sink, proxy, tracer: tracer(otlp), recorded: Vec::new() }
    }

    fn record(&mut self, spans: usize) {
        for _ in 0..spans {
            let scope = self.tracer.trace_context("span");
            self.recorded.push(scope.span_id().to_int());
        }
    }

    /// Until delivery has noticed.
    fn wait_for_failure(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.tracer.health().is_healthy() {
            assert!(Instant::now() < deadline, "no failure was noticed");
            std::thread::yield_now();
        }
    }

    fn tally(&self) -> Tally {
        self.sink.tally(self.recorded.iter().copied())
    }

    /// Everything that was recorded has arrived, and the report says so.
    #[track_caller]
    fn assert_delivered(&self, name: &str) {
        let start = Instant::now();
        let mut report = self.tracer.flush(PATIENCE);
        while !report.is_complete() && start.elapsed() < PATIENCE {
            report = self.tracer.flush(PATIENCE);
        }
        assert!(report.is_complete() && report.adds_up(), "{name}: {report}");
        assert_eq!(report.accepted, self.recorded.len() as u64, "{name}");
        let Tally { lost, unexpected, .. } = self.tally();
        assert_eq!((lost, unexpected), (0, 0), "{name}");
    }
}

/// What the receiver can't have seen as a whole comes once.
#[test]
fn nothing_is_lost_and_nothing_comes_twice_when_no_request_gets_through() {
    let faults: [(&str, Fault); 7] = [
        ("refuse", Fault::Refuse),
        ("reset", Fault::Reset),
        ("cut up", Fault::Cut { direction: Direction::Up, after: 100 }),
        ("503", Answer::http(503).into()),
        ("429", Answer::http(429).header("retry-after", "0").into()),
        ("unavailable", Answer::grpc("14", "not now").into()),
        ("proxy's page", Answer::http(502).body("<html>Bad Gateway</html>").into()),
    ];
    for protocol in PROTOCOLS {
        for (name, fault) in faults.clone() {
            // Over HTTP it would be a success without a body.
            if name == "unavailable" && protocol != OtlpProtocol::Grpc {
                continue;
            }
            let mut pipeline = Pipeline::new(protocol);
            pipeline.record(10);
            pipeline.assert_delivered(name);
            pipeline.proxy.set(fault).unwrap();
            pipeline.record(50);
            pipeline.wait_for_failure();
            let report = pipeline.tracer.report();
            assert!(report.adds_up(), "{name}: {report}");
            assert_eq!(report.destinations[0].delivered, 10, "{name}: {report}");
            pipeline.proxy.set(Fault::Pass).unwrap();
            pipeline.assert_delivered(name);
            assert_eq!(pipeline.tally(), Tally::default(), "{protocol:?} {name}");
        }
    }
}

/// Stored, and the answer lost somewhere on its way: sent again, as nobody can know.
#[test]
fn an_answer_that_is_lost_costs_a_batch_twice_and_no_span() {
    for protocol in PROTOCOLS {
        let mut twice = 0;
        // gRPC's connection begins with settings, so that the answer itself is cut by the larger ones only.
        for after in [1, 10, 40, 70, 100, 130, 160] {
            let mut pipeline = Pipeline::new(protocol);
            pipeline.proxy.set(Fault::Cut { direction: Direction::Down, after }).unwrap();
            pipeline.record(20);
            pipeline.tracer.flush(Duration::from_millis(100));
            pipeline.proxy.set(Fault::Pass).unwrap();
            pipeline.assert_delivered("cut down");
            twice += pipeline.tally().duplicated;
        }
        assert!(twice > 0, "{protocol:?}: no answer was lost");
    }
}

#[test]
fn a_receiver_that_hangs_or_trickles_costs_time_and_no_span() {
    for protocol in PROTOCOLS {
        for fault in [Fault::Hang, Fault::Trickle(40), Fault::BlackHole] {
            let mut pipeline = Pipeline::with_timeout(protocol, Duration::from_millis(400));
            pipeline.record(3);
            pipeline.assert_delivered("before");
            pipeline.proxy.set(fault.clone()).unwrap();
            pipeline.record(20);
            pipeline.wait_for_failure();
            let error = pipeline.tracer.health().destinations[0].error.clone().unwrap();
            assert!(error.contains("no complete answer within"), "{error}");
            pipeline.proxy.set(Fault::Pass).unwrap();
            // What the network held back may still arrive, beside what was sent again.
            pipeline.assert_delivered(&format!("{fault:?}"));
        }
    }
}

/// Through the whole tracer, by the receiver's clock, however often somebody waits for a flush.
#[test]
fn nobody_is_asked_earlier_than_it_wanted() {
    for protocol in PROTOCOLS {
        let mut pipeline = Pipeline::new(protocol);
        pipeline.proxy.set(Answer::http(503).header("retry-after", "1")).unwrap();
        pipeline.record(5);
        let deadline = Instant::now() + PATIENCE;
        while pipeline.proxy.answers().len() < 3 {
            assert!(Instant::now() < deadline, "it was not asked again");
            let report = pipeline.tracer.flush(Duration::from_millis(20));
            assert!(report.adds_up(), "{report}");
        }
        let answers = pipeline.proxy.answers();
        let gaps: Vec<Duration> = answers.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| *gap >= Duration::from_secs(1)), "{protocol:?}: {gaps:?}");
        pipeline.proxy.set(Fault::Pass).unwrap();
        pipeline.assert_delivered("503");
    }
}

/// Each is refused once, counted once, and not sent again.
#[test]
fn permanent_refusals_are_counted_once() {
    for protocol in PROTOCOLS {
        for answer in
            [Answer::http(400), Answer::http(200).header("content-type", "text/html").body("<html>")]
        {
            let mut pipeline = Pipeline::new(protocol);
            pipeline.proxy.set(answer).unwrap();
            pipeline.record(7);
            let report = pipeline.tracer.flush(PATIENCE);
            assert!(report.adds_up(), "{report}");
            let d = &report.destinations[0];
            assert_eq!((d.delivered, d.rejected, d.pending), (0, 7, 0), "{report}");
            let asked = pipeline.proxy.answers().len();
            assert!((1..=7).contains(&asked), "once for each batch, of which seven spans make at most seven");
            pipeline.proxy.set(Fault::Pass).unwrap();
            pipeline.record(3);
            pipeline.tracer.flush(PATIENCE);
            assert_eq!((pipeline.sink.spans(), pipeline.proxy.answers().len()), (3, asked), "not sent again");
        }
    }
}

/// Where spans are kept on disk, so are those that were refused, with the reason and without a secret.
#[cfg(target_os = "linux")]
#[test]
fn what_was_refused_can_be_looked_at() {
    let proxy = FaultProxy::start(([127, 0, 0, 1], 1).into()).unwrap();
    proxy.set(Answer::http(400).body("bad key canary-key")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(format!("http://user:canary-pass@{}/v1/traces?q=canary", proxy.address()));
    config.headers.push(("x-api-key".to_owned(), "canary-key".to_owned().into()));
    let tracer = tracer_with_spool(config, SpoolDirectory::At(directory.path().to_owned()));
    drop(tracer.trace_context("refused one"));
    let report = tracer.flush(PATIENCE);
    assert_eq!((report.accepted, report.destinations[0].rejected), (1, 1), "{report}");
    let report = tracer.teardown();
    assert!(report.adds_up(), "{report}");
    let text = std::fs::read_to_string(directory.path().join("refused/dead-letter.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["destination"], format!("http://{}/v1/traces", proxy.address()));
    assert!(line["error"].as_str().unwrap().contains("answered 400 Bad Request (it said: bad key <hidden>)"));
    assert_eq!(line["request"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"], "refused one");
    assert!(!text.contains("canary"), "{text}");
}

/// Halves of halves, until they fit: everything that fits alone arrives once, and what does not is refused once.
#[test]
fn what_is_too_large_arrives_in_parts() {
    for protocol in PROTOCOLS {
        let sink = CountingSink::with_limit(3000).unwrap();
        let mut pipeline = Pipeline::before(sink, protocol, PATIENCE);
        // Nothing leaves before everything is recorded.
        pipeline.proxy.set(Fault::Refuse).unwrap();
        pipeline.record(150);
        let large = pipeline.tracer.trace_context("large");
        large.set_attribute("text", "x".repeat(4000).as_str());
        let large_id = large.span_id().to_int();
        drop(large);
        pipeline.record(150);
        pipeline.wait_for_failure();
        pipeline.proxy.set(Fault::Pass).unwrap();
        let report = pipeline.tracer.flush(PATIENCE);
        assert!(report.adds_up(), "{report}");
        let d = &report.destinations[0];
        assert_eq!((report.accepted, d.delivered, d.rejected, d.pending), (301, 300, 1, 0), "{report}");
        assert_eq!(pipeline.tally(), Tally::default(), "{protocol:?}");
        assert_eq!(pipeline.sink.times(large_id), 0);
        assert!(pipeline.sink.requests() > 10 && pipeline.sink.refused() > 10, "{protocol:?}");
    }
}

/// Fewer of these open a breaker.
#[tokio::test]
async fn a_refused_connection_is_told_from_other_failures() {
    let proxy = FaultProxy::start(([127, 0, 0, 1], 1).into()).unwrap();
    for (fault, nobody_there) in
        [(Fault::Refuse, true), (Fault::Reset, false), (Answer::http(503).into(), false)]
    {
        proxy.set(fault).unwrap();
        for protocol in PROTOCOLS {
            let mut config = config(format!("http://{}", proxy.address()));
            config.protocol = Some(protocol);
            let outcome = connect(config).unwrap().deliver(&crate::support::batch()).await;
            let tracer_factory_core::delivery::Outcome::Retry { error, .. } = outcome else {
                panic!("{outcome:?}")
            };
            assert_eq!(error.is_nobody_there(), nobody_there, "{error}");
        }
    }
}
