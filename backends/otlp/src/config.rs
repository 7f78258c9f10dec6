//! From the configuration to an OTLP target.

use tracer_factory_core::config::{OtlpConfig, OtlpProtocol};
use tracer_factory_core::http::otlp::OtlpTarget;

/// The variable that leads here, for errors.
const SETTING: &str = "OTLP_ENDPOINT";

/// Where a collector on this machine listens.
fn default_endpoint(protocol: Option<OtlpProtocol>) -> &'static str {
    match protocol {
        None | Some(OtlpProtocol::Grpc) => "http://localhost:4317",
        Some(OtlpProtocol::HttpProtobuf | OtlpProtocol::HttpJson) => "http://localhost:4318",
    }
}

pub(crate) fn target(config: &OtlpConfig) -> OtlpTarget {
    match &config.endpoint {
        Some(url) => OtlpTarget::from_config(SETTING, url, config),
        None => {
            let mut target = OtlpTarget::from_config(SETTING, default_endpoint(config.protocol), config);
            target.exact = false;
            target
        }
    }
}
