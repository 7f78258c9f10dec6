//! Our tracer with everything up to a destination that discards.

use tracer_factory_core::config::TracerConfig;
use tracer_factory_core::delivery::{Batch, BoxFuture, Connected, Destination, Outcome, Plan};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::tracer::BaseTracer;

struct Discard;

impl Destination for Discard {
    fn deliver<'a>(&'a mut self, _batch: &'a Batch) -> BoxFuture<'a, Outcome> {
        Box::pin(std::future::ready(Outcome::all()))
    }
}

pub(crate) fn tracer(config: &TracerConfig) -> Result<RecordingTracer, ConfigError> {
    let plan = Plan::new("discard", "nowhere", || Ok(Connected::new(Discard)));
    RecordingTracer::with_plans(config, vec![plan])
}

pub(crate) fn delivered(tracer: &dyn BaseTracer) -> u64 {
    tracer.report().destinations.iter().map(|destination| destination.delivered).sum()
}
