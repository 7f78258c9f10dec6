//! The peers' exporters, set up as their documentation does.

use std::borrow::Cow;

use opentelemetry::InstrumentationScope;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::Sampler;
use tokio::runtime::Runtime;
use tracer_factory_hot_path::{Failure, Load, Record, Values};

use crate::peers::fastrace::RootAndLocals;
use crate::peers::sdk::{Sdk, provider, resource};

/// tonic's connection lives on a runtime, which has to outlive it.
struct OnRuntime<R> {
    inner: R,
    _runtime: Runtime,
}

impl<R: Record> Record for OnRuntime<R> {
    fn record(&self, load: Load, values: Values) {
        self.inner.record(load, values);
    }

    fn settle(&self) {
        self.inner.settle();
    }
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
}

fn grpc_exporter(runtime: &Runtime, url: &str) -> Result<SpanExporter, Failure> {
    let _entered = runtime.enter();
    Ok(SpanExporter::builder().with_tonic().with_endpoint(url).build()?)
}

pub(super) fn otel_grpc(url: &str) -> Result<Box<dyn Record>, Failure> {
    let runtime = runtime()?;
    let exporter = grpc_exporter(&runtime, url)?;
    Ok(Box::new(OnRuntime { inner: Sdk::of(provider(exporter, Sampler::AlwaysOn)), _runtime: runtime }))
}

pub(super) fn otel_http(url: &str) -> Result<Box<dyn Record>, Failure> {
    let builder = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = builder.with_endpoint(format!("{url}/v1/traces")).build()?;
    Ok(Box::new(Sdk::of(provider(exporter, Sampler::AlwaysOn))))
}

#[expect(deprecated, reason = "it is what users of Zipkin have")]
pub(super) fn zipkin(url: &str) -> Result<Box<dyn Record>, Failure> {
    let builder = opentelemetry_zipkin::ZipkinExporter::builder();
    let exporter = builder.with_collector_endpoint(format!("{url}/api/v2/spans")).build()?;
    Ok(Box::new(Sdk::of(provider(exporter, Sampler::AlwaysOn))))
}

pub(super) fn fastrace_grpc(url: &str) -> Result<Box<dyn Record>, Failure> {
    let runtime = runtime()?;
    let exporter = grpc_exporter(&runtime, url)?;
    let handle = runtime.handle().clone();
    let scope = InstrumentationScope::builder("benches").build();
    let reporter =
        fastrace_opentelemetry::OpenTelemetryReporter::new(exporter, Cow::Owned(resource()), scope)
            .with_block_on(move |export| handle.block_on(export));
    fastrace::set_reporter(reporter, fastrace::collector::Config::default());
    Ok(Box::new(OnRuntime { inner: RootAndLocals, _runtime: runtime }))
}
