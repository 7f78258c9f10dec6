//! The backend's constant: how the facade finds it.

use tracer_factory_core::config::{Limits, TracerConfig};
use tracer_factory_core::delivery::{Backend, Plan};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::http::otlp::{OtlpTarget, otlp_plan};

/// The `otlp` backend.
pub const BACKEND: Backend = Backend { name: "otlp", plan, limits: |_: &mut Limits| {} };

fn plan(config: &TracerConfig) -> Result<Plan, ConfigError> {
    otlp_plan(BACKEND.name, OtlpTarget::of(&config.otlp)?)
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
    fn the_plan_names_the_collector_on_this_machine() {
        assert_eq!(endpoint(|_| {}).unwrap(), "http://localhost:4317");
        let http = endpoint(|config| config.otlp.protocol = Some(OtlpProtocol::HttpJson)).unwrap();
        assert_eq!(http, "http://localhost:4318/v1/traces");
    }

    #[test]
    fn an_endpoint_that_is_no_url_names_the_variable() {
        let error = endpoint(|config| config.otlp.endpoint = Some("collector:4317".to_owned())).unwrap_err();
        assert!(error.to_string().starts_with("OTLP_ENDPOINT=\"collector:4317\""), "{error}");
    }
}
