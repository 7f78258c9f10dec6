//! Our backends, made as programs make them.

use std::path::Path;

use tracer_factory::config::{OtlpProtocol, SpoolDirectory};
use tracer_factory::{OtlpTracer, TracerConfig, TracerConfigBuilder, TracerType, create_tracer};
use tracer_factory_hot_path::{Failure, Guest, Native, Record};

fn otlp(url: &str, protocol: OtlpProtocol) -> TracerConfig {
    TracerConfig::builder()
        .tracer_type(TracerType::Otlp)
        .service_name("benches")
        .otlp_endpoint(url)
        .with(|config| config.otlp.protocol = Some(protocol))
        .build()
}

/// With a spool, unless the configuration says otherwise. That it is there, or not, is looked at: figures of the one
/// must never pass for those of the other.
fn native(config: TracerConfig) -> Result<Box<dyn Record>, Failure> {
    let wanted = config.delivery.spool.directory != SpoolDirectory::Off;
    let before = spools()?;
    let tracer = create_tracer(config)?;
    match (spools()? > before, wanted) {
        (true, false) => Err("it has a spool and must not".into()),
        (false, true) => Err("it has no spool".into()),
        _ => Ok(Box::new(Native::of(tracer))),
    }
}

/// How many tracers have a directory where they are by default.
fn spools() -> Result<usize, Failure> {
    let state = std::env::var_os("XDG_STATE_HOME").ok_or("XDG_STATE_HOME is not set")?;
    let spools = Path::new(&state).join("tracer-factory/spool");
    Ok(if spools.is_dir() { std::fs::read_dir(spools)?.count() } else { 0 })
}

pub(super) fn grpc(url: &str) -> Result<Box<dyn Record>, Failure> {
    native(otlp(url, OtlpProtocol::Grpc))
}

/// The same with nothing on disk.
pub(super) fn grpc_without_spool(url: &str) -> Result<Box<dyn Record>, Failure> {
    let mut config = otlp(url, OtlpProtocol::Grpc);
    config.delivery.spool.directory = SpoolDirectory::Off;
    native(config)
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
