//! Ours, as programs have it: scopes of an `Arc<dyn BaseTracer>`, through lane and delivery thread to a destination that discards.

use std::sync::Arc;
use std::time::Duration;

use tracer_factory_core::config::TracerConfig;
use tracer_factory_core::delivery::{Batch, BoxFuture, Connected, Destination, Outcome, Plan};
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::tracer::BaseTracer;
use tracer_factory_noop::NoOpTracer;

use crate::case::{AGENT, Case, EVENT, NAME, PROVIDER, Shape, TOKENS, Values};

/// Far longer than it ever takes to deliver a burst to nowhere.
const PATIENCE: Duration = Duration::from_secs(30);

struct Discard;

impl Destination for Discard {
    fn deliver<'a>(&'a mut self, _batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(std::future::ready(Outcome::all()))
    }
}

/// A recording tracer with the defaults of the product.
pub(crate) struct Recording {
    name: &'static str,
    tracer: Arc<dyn BaseTracer>,
    records: bool,
}

impl Recording {
    #[expect(clippy::expect_used, reason = "a benchmark without its subject measures nothing")]
    pub(crate) fn new(name: &'static str, sampling_rate: f64) -> Self {
        let config = TracerConfig::builder().service_name("benches").sampling_rate(sampling_rate).build();
        let plan = Plan::new("discard", "nowhere", || Ok(Connected::new(Discard)));
        let tracer =
            RecordingTracer::with_plans(&config, vec![plan]).expect("the default configuration is valid");
        Self { name, tracer: Arc::new(tracer), records: sampling_rate > 0.0 }
    }
}

impl Case for Recording {
    fn name(&self) -> &'static str {
        self.name
    }

    fn record(&self, shape: Shape, depth: usize, traces: usize, values: Values) {
        for _ in 0..traces {
            nest(&*self.tracer, shape, depth, values);
        }
    }

    fn settle(&self) {
        self.tracer.flush(PATIENCE);
    }

    fn arrived(&self) -> u64 {
        self.tracer.report().destinations.iter().map(|destination| destination.delivered).sum()
    }

    fn queues(&self) -> bool {
        self.records
    }

    fn arrivals(&self, depth: usize, traces: usize) -> u64 {
        if self.records { (depth * traces) as u64 } else { 0 }
    }
}

/// Tracing turned off by `TRACER_TYPE=noop`.
pub(crate) struct NoOp {
    name: &'static str,
    tracer: Arc<dyn BaseTracer>,
}

impl NoOp {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, tracer: Arc::new(NoOpTracer::passing_on(&TracerConfig::default().propagators)) }
    }
}

impl Case for NoOp {
    fn name(&self) -> &'static str {
        self.name
    }

    fn record(&self, shape: Shape, depth: usize, traces: usize, values: Values) {
        for _ in 0..traces {
            nest(&*self.tracer, shape, depth, values);
        }
    }

    fn settle(&self) {}

    fn arrived(&self) -> u64 {
        0
    }

    fn queues(&self) -> bool {
        false
    }

    fn arrivals(&self, _depth: usize, _traces: usize) -> u64 {
        0
    }
}

#[inline(never)]
fn nest(tracer: &dyn BaseTracer, shape: Shape, depth: usize, values: Values) {
    let scope = tracer.trace_context(NAME);
    if shape == Shape::Rich {
        scope
            .set_attribute(PROVIDER, values.provider)
            .set_attribute(TOKENS, values.tokens)
            .set_attribute(AGENT, values.agent);
    }
    if depth > 1 {
        nest(tracer, shape, depth - 1, values);
    }
    if shape == Shape::Rich {
        scope.add_event(EVENT);
    }
}
