//! Our tracer behind the OpenTelemetry API.

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use tracer_factory_core::config::TracerConfig;
use tracer_factory_core::guest::GuestTracer;
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::tracer::BaseTracer;

use crate::case::{Case, Failure, Load, Record, Values};
use crate::{discard, otel_api};

const PATIENCE: Duration = Duration::from_secs(60);

/// The API over one of our tracers.
#[derive(Debug)]
pub struct Guest<B> {
    tracer: RecordingTracer<B>,
    api: GuestTracer,
}

impl<B: 'static> Guest<B> {
    /// Over a tracer that somebody made.
    pub fn of(tracer: RecordingTracer<B>) -> Self {
        let api = tracer.tracer_provider().tracer("benches");
        Self { tracer, api }
    }
}

/// With the defaults of the product, and nobody who sends the spans anywhere.
pub(crate) fn discarding() -> Result<Box<dyn Case>, Failure> {
    Ok(Box::new(Guest::of(discard::tracer(&TracerConfig::default())?)))
}

impl<B: 'static> Record for Guest<B> {
    fn record(&self, load: Load, values: Values) {
        otel_api::record(&self.api, load, values);
    }

    fn settle(&self) {
        self.tracer.flush(PATIENCE);
    }
}

impl<B: 'static> Case for Guest<B> {
    fn arrived(&self) -> u64 {
        discard::delivered(&self.tracer)
    }
}
