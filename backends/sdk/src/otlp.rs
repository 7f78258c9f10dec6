//! `otlp-sdk`: OTLP through the `opentelemetry-otlp` crate.

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig, Identity};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use secrecy::ExposeSecret;
use tracer_factory_core::config::{self, Endpoint, OtlpProtocol, TlsConfig, TracerConfig};
use tracer_factory_core::delivery::{Backend, Connected, Plan};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::http::basic_authorization;
use tracer_factory_core::http::otlp::OtlpTarget;

use crate::adapter::{LastOutcome, SdkDestination, build};
use crate::client::SdkHttpClient;

/// The `otlp-sdk` backend.
pub const OTLP_SDK: Backend = Backend { name: "otlp-sdk", plan, limits: |_| {} };

fn plan(config: &TracerConfig) -> Result<Plan, ConfigError> {
    let target = OtlpTarget::of(&config.otlp)?;
    let endpoint = target.check()?;
    let account = target.account();
    Ok(Plan::new(OTLP_SDK.name, endpoint.to_string(), move || {
        let last = LastOutcome::default();
        let exporter = build(OTLP_SDK.name, || exporter(&target, &endpoint, &last))?;
        let destination = SdkDestination::new(exporter, endpoint.to_string());
        Ok(Connected::new(destination.told_by(last).permanent(is_permanent, is_of_any_batch)))
    })
    .networked()
    .account(account))
}

fn exporter(
    target: &OtlpTarget,
    endpoint: &Endpoint,
    last: &LastOutcome,
) -> Result<SpanExporter, ConfigError> {
    match target.protocol() {
        OtlpProtocol::Grpc => grpc(target, endpoint),
        OtlpProtocol::HttpProtobuf => http(target, endpoint, Protocol::HttpBinary, last),
        OtlpProtocol::HttpJson => http(target, endpoint, Protocol::HttpJson, last),
    }
}

fn setup(error: ExporterBuildError) -> ConfigError {
    ConfigError::Setup { backend: OTLP_SDK.name.to_owned(), what: error.to_string() }
}

/// Retries are delivery's, which waits for longer and counts.
fn http(
    target: &OtlpTarget,
    endpoint: &Endpoint,
    protocol: Protocol,
    last: &LastOutcome,
) -> Result<SpanExporter, ConfigError> {
    let mut builder = SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint.to_string())
        .with_protocol(protocol)
        .with_timeout(target.timeout)
        .with_retry_policy(RetryPolicy::disabled());
    if target.compression == config::Compression::Gzip {
        builder = builder.with_compression(Compression::Gzip);
    }
    builder.with_http_client(SdkHttpClient::new(target.sender()?, last.clone())).build().map_err(setup)
}

fn grpc(target: &OtlpTarget, endpoint: &Endpoint) -> Result<SpanExporter, ConfigError> {
    let mut builder = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint.to_string())
        .with_timeout(target.timeout)
        .with_metadata(metadata(target, endpoint))
        .with_retry_policy(RetryPolicy::disabled());
    if target.compression == config::Compression::Gzip {
        builder = builder.with_compression(Compression::Gzip);
    }
    if endpoint.is_tls() {
        builder = builder.with_tls_config(tls(&target.tls)?);
    }
    builder.build().map_err(setup)
}

/// `OtlpTarget::check` has refused what is no header.
fn metadata(target: &OtlpTarget, endpoint: &Endpoint) -> MetadataMap {
    let mut headers = HeaderMap::new();
    if let Some(basic) = basic_authorization(endpoint) {
        headers.insert(AUTHORIZATION, basic);
    }
    for (name, value) in &target.headers {
        let name = HeaderName::try_from(name.as_str());
        if let (Ok(name), Ok(mut value)) = (name, HeaderValue::try_from(value.expose_secret())) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    MetadataMap::from_headers(headers)
}

fn tls(tls: &TlsConfig) -> Result<ClientTlsConfig, ConfigError> {
    let read = |variable: &str, path: &std::path::Path| {
        std::fs::read(path).map_err(|error| ConfigError::invalid(variable, path.display(), error.to_string()))
    };
    let mut config = ClientTlsConfig::new().with_enabled_roots();
    if let Some(path) = &tls.ca_file {
        config = config.ca_certificate(Certificate::from_pem(read("OTLP_CERTIFICATE", path)?));
    }
    if let (Some(chain), Some(key)) = (&tls.client_certificate_file, &tls.client_key_file) {
        let chain = read("OTLP_CLIENT_CERTIFICATE", chain)?;
        config = config.identity(Identity::from_pem(chain, read("OTLP_CLIENT_KEY", key)?));
    }
    Ok(config)
}

/// Over gRPC the exporter tells the status only in words. The codes that OTLP retries, and exhaustion,
/// of which the words don't say whether the server asked for a retry, are tried again.
fn is_permanent(what: &str) -> bool {
    const RETRIED: [&str; 7] = [
        "Cancelled",
        "DeadlineExceeded",
        "ResourceExhausted",
        "Aborted",
        "OutOfRange",
        "Unavailable",
        "DataLoss",
    ];
    let Some((_, code)) = what.split_once("failed with gRPC code: ") else { return false };
    // Failures of the connection come with their cause behind a colon, under any code.
    !code.contains(':') && !RETRIED.contains(&code.trim())
}

/// The same, for who sends and where to.
fn is_of_any_batch(what: &str) -> bool {
    let code = what.split_once("failed with gRPC code: ").map(|(_, code)| code.trim());
    matches!(code, Some("PermissionDenied" | "Unauthenticated" | "Unimplemented"))
}
