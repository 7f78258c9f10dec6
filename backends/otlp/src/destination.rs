//! The backend's constant: how the facade finds it.

use tracer_factory_core::config::{Limits, TracerConfig};
use tracer_factory_core::delivery::{Backend, Plan};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::http::otlp::otlp_plan;

/// The `otlp` backend.
pub const BACKEND: Backend = Backend { name: "otlp", plan, limits: |_: &mut Limits| {} };

fn plan(config: &TracerConfig) -> Result<Plan, ConfigError> {
    otlp_plan(BACKEND.name, crate::config::target(&config.otlp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracer_factory_core::config::{OtlpProtocol, TracerType};

    fn endpoint(change: impl FnOnce(&mut TracerConfig)) -> Result<String, ConfigError> {
        let mut config = TracerConfig::new(TracerType::Otlp);
        change(&mut config);
        (BACKEND.plan)(&config).map(|plan| plan.endpoint)
    }

    #[test]
    fn defaults_follow_the_protocol() {
        let with = |protocol| endpoint(|config| config.otlp.protocol = protocol).unwrap();
        assert_eq!(with(None), "http://localhost:4317");
        assert_eq!(with(Some(OtlpProtocol::Grpc)), "http://localhost:4317");
        assert_eq!(with(Some(OtlpProtocol::HttpProtobuf)), "http://localhost:4318/v1/traces");
        assert_eq!(with(Some(OtlpProtocol::HttpJson)), "http://localhost:4318/v1/traces");
    }

    #[test]
    fn an_endpoint_that_is_no_url_names_the_variable() {
        let error = endpoint(|config| config.otlp.endpoint = Some("collector:4317".to_owned())).unwrap_err();
        assert!(error.to_string().starts_with("OTLP_ENDPOINT=\"collector:4317\""), "{error}");
    }
}
