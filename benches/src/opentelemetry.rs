//! opentelemetry_sdk with its batch processor and an exporter that discards.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use opentelemetry::KeyValue;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanExporter,
};

use crate::case::{AGENT, Case, EVENT, NAME, PROVIDER, Shape, TOKENS, Values};

#[derive(Debug)]
struct Discard(Arc<AtomicU64>);

impl SpanExporter for Discard {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len() as u64, Relaxed);
        Ok(())
    }
}

pub(crate) struct Sdk {
    name: &'static str,
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    arrived: Arc<AtomicU64>,
    records: bool,
}

impl Sdk {
    pub(crate) fn recording(name: &'static str) -> Self {
        Self::with_sampler(name, Sampler::AlwaysOn)
    }

    pub(crate) fn always_off(name: &'static str) -> Self {
        Self::with_sampler(name, Sampler::AlwaysOff)
    }

    fn with_sampler(name: &'static str, sampler: Sampler) -> Self {
        let arrived = Arc::new(AtomicU64::new(0));
        let records = matches!(sampler, Sampler::AlwaysOn);
        let processor = BatchSpanProcessor::builder(Discard(Arc::clone(&arrived))).build();
        let builder = SdkTracerProvider::builder().with_span_processor(processor);
        // The default sampler asks the parent first; that is what programs run.
        let provider = builder.with_sampler(Sampler::ParentBased(Box::new(sampler))).build();
        let tracer = provider.tracer("benches");
        Self { name, provider, tracer, arrived, records }
    }
}

impl Case for Sdk {
    fn name(&self) -> &'static str {
        self.name
    }

    fn record(&self, shape: Shape, depth: usize, traces: usize, values: Values) {
        for _ in 0..traces {
            nest(&self.tracer, shape, depth, values);
        }
    }

    fn settle(&self) {
        // A failure shows as spans that did not arrive.
        let _ = self.provider.force_flush();
    }

    fn arrived(&self) -> u64 {
        self.arrived.load(Relaxed)
    }

    fn queues(&self) -> bool {
        self.records
    }

    fn arrivals(&self, depth: usize, traces: usize) -> u64 {
        if self.records { (depth * traces) as u64 } else { 0 }
    }
}

/// Attributes go through the builder, which is cheaper than setting them one by one on the open span.
#[inline(never)]
fn nest(tracer: &SdkTracer, shape: Shape, depth: usize, values: Values) {
    match shape {
        Shape::Bare => tracer.in_span(NAME, |_| {
            if depth > 1 {
                nest(tracer, shape, depth - 1, values);
            }
        }),
        Shape::Rich => {
            let attributes = vec![
                KeyValue::new(PROVIDER, values.provider),
                KeyValue::new(TOKENS, values.tokens),
                KeyValue::new(AGENT, values.agent),
            ];
            tracer.in_span_with_builder(tracer.span_builder(NAME).with_attributes(attributes), |cx| {
                if depth > 1 {
                    nest(tracer, shape, depth - 1, values);
                }
                cx.span().add_event(EVENT, Vec::new());
            });
        }
    }
}
