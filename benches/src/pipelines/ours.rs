//! Our backends, made as programs make them.

use std::ffi::OsString;

use tracer_factory::config::OtlpProtocol;
use tracer_factory::env::EnvMap;
use tracer_factory::{
    OtlpTracer, TracerConfig, TracerConfigBuilder, TracerFactory, TracerType, create_tracer,
};
use tracer_factory_hot_path::{Failure, Guest, Load, Native, Record, Values};

fn otlp(url: &str, protocol: OtlpProtocol) -> TracerConfig {
    TracerConfig::builder()
        .tracer_type(TracerType::Otlp)
        .service_name("benches")
        .otlp_endpoint(url)
        .with(|config| config.otlp.protocol = Some(protocol))
        .build()
}

fn native(config: TracerConfig) -> Result<Box<dyn Record>, Failure> {
    Ok(Box::new(Native::of(create_tracer(config)?)))
}

pub(super) fn grpc(url: &str) -> Result<Box<dyn Record>, Failure> {
    native(otlp(url, OtlpProtocol::Grpc))
}

pub(super) fn http(url: &str) -> Result<Box<dyn Record>, Failure> {
    native(otlp(url, OtlpProtocol::HttpProtobuf))
}

pub(super) fn guest_grpc(url: &str) -> Result<Box<dyn Record>, Failure> {
    Ok(Box::new(Guest::of(OtlpTracer::new(&otlp(url, OtlpProtocol::Grpc))?)))
}

fn to(tracer_type: TracerType) -> TracerConfigBuilder {
    TracerConfig::builder().tracer_type(tracer_type).service_name("benches")
}

pub(super) fn zipkin(url: &str) -> Result<Box<dyn Record>, Failure> {
    native(to(TracerType::Zipkin).zipkin_endpoint(format!("{url}/api/v2/spans")).build())
}

/// Binary Thrift over HTTP.
pub(super) fn jaeger(url: &str) -> Result<Box<dyn Record>, Failure> {
    native(to(TracerType::Jaeger).jaeger_endpoint(format!("{url}/api/traces")).build())
}

/// The spool's setting comes from an environment, as in a container.
pub(super) fn grpc_with_spool(url: &str) -> Result<Box<dyn Record>, Failure> {
    let folder = tempfile::tempdir()?;
    let variables = [
        ("TRACER_TYPE", OsString::from("otlp")),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", OsString::from(url)),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", OsString::from("grpc")),
        ("TRACER_SPOOL_DIR", folder.path().as_os_str().to_owned()),
    ];
    let tracer = TracerFactory::create_tracer_from(&EnvMap::from_iter(variables))?;
    Ok(Box::new(Spooled { native: Native::of(tracer), _folder: folder }))
}

/// The folder goes after the tracer that writes into it.
struct Spooled {
    native: Native,
    _folder: tempfile::TempDir,
}

impl Record for Spooled {
    fn record(&self, load: Load, values: Values) {
        self.native.record(load, values);
    }

    fn settle(&self) {
        self.native.settle();
    }
}
