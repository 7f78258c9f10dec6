//! One trace with everything a trace can have, recorded by two services through the public API.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::thread;

use tracer_factory::env::EnvMap;
use tracer_factory::{
    AttrValue, BaseTracer, Context, Report, SpanContext, SpanData, SpanId, SpanKind, SpanOptions, StatusCode,
    Trace, TraceFlags, TraceFuture, TraceId, TracerExt, TracerFactory,
};

/// What somebody outside sent: the trace begins there, in a service that sends its spans elsewhere.
pub const CALLER: (&str, &str) = ("1f2e3d4c5b6a7988", "vendor=value,other=1");

/// Spans that [`record`] makes.
pub const SPANS: usize = 10;

/// Attributes whose values are no numbers in JSON.
pub const NOT_FINITE: &[&str] = &["double.nan", "double.infinite", "double.minus_infinite"];

/// The attribute with bytes.
pub const BYTES: &[&str] = &["bytes"];

/// The trace as its two services have it.
#[derive(Debug)]
pub struct Recorded {
    /// Their `get_last_trace`, the caller's and then the callee's.
    pub traces: [Trace; 2],
    /// What became of the spans, said by each service's teardown.
    pub reports: [Report; 2],
}

impl Recorded {
    /// The trace's identifier in hexadecimal.
    pub fn trace_id(&self) -> String {
        self.traces[0].trace_id().to_string()
    }

    /// All spans of the trace.
    pub fn spans(&self) -> Vec<SpanData> {
        self.traces.iter().flat_map(|trace| trace.spans.iter().cloned()).collect()
    }
}

/// A tracer for the variables in `env` and a service of this name.
///
/// # Errors
/// As the factory says.
pub fn tracer(env: &[(&str, &str)], service: &str) -> Result<Arc<dyn BaseTracer>, Box<dyn Error>> {
    let name = ("TRACER_SERVICE_NAME", service);
    let map: EnvMap = env.iter().copied().chain([name]).collect();
    Ok(TracerFactory::create_tracer_from(&map)?)
}

/// Records the trace with services `<test>-Gateway` and `<test>-Model`, each by a tracer of its own for `env`,
/// and tears both down. The attributes in `without` are left out, for a server that can't have them.
///
/// # Errors
/// When a tracer can't be made.
pub fn record(env: &[(&str, &str)], test: &str, without: &[&str]) -> Result<Recorded, Box<dyn Error>> {
    let [gateway, model] = ["Gateway", "Model"].map(|name| tracer(env, &format!("{test}-{name}")));
    record_with([&*gateway?, &*model?], &format!("{test}-Model"), without)
}

/// The same with two tracers that are there; the second one's service is `model_name`.
///
/// # Errors
/// When they were torn down.
pub fn record_with(
    [gateway, model]: [&dyn BaseTracer; 2],
    model_name: &str,
    without: &[&str],
) -> Result<Recorded, Box<dyn Error>> {
    gateway.init_worker(7)?;
    handle_request(gateway, model, model_name, without);
    let traces = [gateway.get_last_trace(), model.get_last_trace()];
    let reports = [gateway.teardown_worker(7), model.teardown_worker(0)];
    assert_eq!([gateway.teardown(), model.teardown()], reports, "nothing was left to do");
    Ok(Recorded { traces, reports })
}

fn handle_request(gateway: &dyn BaseTracer, model: &dyn BaseTracer, model_name: &str, without: &[&str]) {
    let trace_id = Context::generate().trace_id();
    let headers = HashMap::from([
        ("traceparent".to_owned(), format!("00-{trace_id}-{}-01", CALLER.0)),
        ("tracestate".to_owned(), CALLER.1.to_owned()),
    ]);
    let root = gateway.trace_request("POST /chat ✓ 🦀 \"quoted\"\\\n", &headers);
    for (name, value) in values().into_iter().filter(|(name, _)| !without.contains(name)) {
        root.set_attribute(name, value);
    }
    root.set_attribute("replaced", "first").set_attribute("replaced", "last");
    root.add_event("plain ünï");
    gateway.add_span_event("with attributes", &[("count", 5.into()), ("text", "zwölf 🦀".into())]);
    let elsewhere =
        SpanContext::new(TraceId::from_int(7 << 64 | 8), SpanId::from_int(9), TraceFlags::SAMPLED);
    root.add_link(&elsewhere, &[("why", "batch".into()), ("part", 2.into())]);

    nested(gateway);
    call_model(gateway, model, model_name);
    in_other_places(gateway);
    queue(gateway);
}

/// Attributes of every type.
fn values() -> Vec<(&'static str, AttrValue<'static>)> {
    vec![
        ("text", "line\nbreak, \"quotes\", nul \0, zero-width \u{200b}, 🦀".into()),
        ("text.empty", "".into()),
        ("bool.true", true.into()),
        ("bool.false", false.into()),
        ("int", 42.into()),
        ("int.min", i64::MIN.into()),
        ("int.beyond_53_bits", ((1_i64 << 53) + 1).into()),
        ("double", (-0.25).into()),
        ("double.whole", 2.0.into()),
        ("double.tenth", 0.1.into()),
        ("double.large", 1e300.into()),
        ("bytes", AttrValue::from(vec![0, 255, 128])),
        ("array.texts", AttrValue::from(&["a\"b", "ü"][..])),
        ("array.ints", AttrValue::from(&[1_i64, -2][..])),
        ("array.mixed", AttrValue::Array(vec!["a".into(), 1.into(), 2.5.into(), false.into()])),
        ("array.empty", AttrValue::Array(Vec::new())),
        (
            "map",
            AttrValue::Map(vec![
                ("inner".into(), AttrValue::Array(vec![true.into()])),
                ("key ü".into(), "v".into()),
            ]),
        ),
        ("nothing", AttrValue::Empty),
        ("double.nan", f64::NAN.into()),
        ("double.infinite", f64::INFINITY.into()),
        ("double.minus_infinite", f64::NEG_INFINITY.into()),
    ]
}

/// A span that failed inside one that is fine.
fn nested(gateway: &dyn BaseTracer) {
    let outer = gateway.trace_context("plan");
    let failure =
        Failure { what: "no plan ✗", cause: Some(Box::new(Failure { what: "no idea", cause: None })) };
    let result: Result<(), _> = gateway.in_scope("think", |_| Err(failure));
    outer.set_attribute("failed", result.is_err());
    gateway.set_span_status(StatusCode::Ok, "");
}

/// The other service joins by headers, on a thread of its own.
fn call_model(gateway: &dyn BaseTracer, model: &dyn BaseTracer, model_name: &str) {
    let call = gateway.start_scope(&SpanOptions::new("call model").kind(SpanKind::Client));
    call.set_attribute("peer.service", model_name)
        .set_attribute("server.address", "10.1.2.3")
        .set_attribute("server.port", 8080);
    let headers = gateway.get_trace_context();
    thread::scope(|threads| {
        threads.spawn(|| {
            let root = model.trace_request("chat", &headers);
            root.set_attribute("tokens", 12);
            let answer = model.trace_context("generate");
            answer.set_status(StatusCode::Error, "");
        });
    });
}

/// Spans from another thread, and from a future that moves between threads.
fn in_other_places(gateway: &dyn BaseTracer) {
    let context = Context::current();
    let mut first = true;
    let span = gateway.start_span(&SpanOptions::new("future"));
    let work = poll_fn(move |_| {
        gateway.add_span_event(if first { "first poll" } else { "second poll" }, &[]);
        if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }
    });
    let mut future = Box::pin(work.in_span(span));
    let mut poll = move || {
        let mut task = TaskContext::from_waker(Waker::noop());
        pin!(&mut future).poll(&mut task).is_ready()
    };
    poll();
    thread::scope(|threads| {
        threads.spawn(move || {
            let _attached = context.attach();
            let _scope = gateway.trace_context("thread");
            poll();
        });
    });
}

/// A message to ourselves: the consumer is linked to the producer, and is no child of it.
fn queue(gateway: &dyn BaseTracer) {
    let sent = {
        let publish = gateway.start_scope(&SpanOptions::new("publish").kind(SpanKind::Producer));
        publish.span_context()
    };
    let receive = gateway.start_scope(&SpanOptions::new("receive").kind(SpanKind::Consumer));
    receive.add_link(&sent, &[]);
}

#[derive(Debug)]
struct Failure {
    what: &'static str,
    cause: Option<Box<Failure>>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}
