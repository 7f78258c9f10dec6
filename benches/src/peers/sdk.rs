//! opentelemetry_sdk with its batch processor.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanExporter,
};
use tracer_factory_hot_path::{Case, Failure, Load, Record, Values, otel_api};

/// A provider with the batch processor's defaults. The default sampler asks the parent first; that is what programs run.
pub(crate) fn provider(exporter: impl SpanExporter + 'static, sampler: Sampler) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).build())
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(resource())
        .build()
}

pub(crate) fn resource() -> Resource {
    Resource::builder_empty().with_service_name("benches").build()
}

/// Spans of the SDK's own tracer.
pub(crate) struct Sdk {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Sdk {
    pub(crate) fn of(provider: SdkTracerProvider) -> Self {
        Self { tracer: provider.tracer("benches"), provider }
    }
}

impl Record for Sdk {
    fn record(&self, load: Load, values: Values) {
        otel_api::record(&self.tracer, load, values);
    }

    fn settle(&self) {
        // A failure shows as spans that did not arrive.
        let _ = self.provider.force_flush();
    }
}

/// Counts what is exported, and drops it.
#[derive(Debug)]
pub(crate) struct Discard(pub(crate) Arc<AtomicU64>);

impl SpanExporter for Discard {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len() as u64, Relaxed);
        Ok(())
    }
}

struct Discarding {
    sdk: Sdk,
    arrived: Arc<AtomicU64>,
    records: bool,
}

/// Everything is recorded.
pub(crate) fn recording() -> Result<Box<dyn Case>, Failure> {
    Ok(discarding(Sampler::AlwaysOn, true))
}

/// Nothing is.
pub(crate) fn always_off() -> Result<Box<dyn Case>, Failure> {
    Ok(discarding(Sampler::AlwaysOff, false))
}

fn discarding(sampler: Sampler, records: bool) -> Box<dyn Case> {
    let arrived = Arc::new(AtomicU64::new(0));
    let sdk = Sdk::of(provider(Discard(Arc::clone(&arrived)), sampler));
    Box::new(Discarding { sdk, arrived, records })
}

impl Record for Discarding {
    fn record(&self, load: Load, values: Values) {
        self.sdk.record(load, values);
    }

    fn settle(&self) {
        self.sdk.settle();
    }
}

impl Case for Discarding {
    fn arrived(&self) -> u64 {
        self.arrived.load(Relaxed)
    }

    fn arrivals(&self, load: Load) -> u64 {
        if self.records { load.spans() } else { 0 }
    }

    fn queues(&self) -> bool {
        self.records
    }
}
