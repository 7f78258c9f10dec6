//! The backend's constant: how the facade finds it, and which destination an endpoint means.

use tracer_factory_core::config::{Limits, TracerConfig};
use tracer_factory_core::delivery::{Backend, Connected, Plan};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::http::otlp::{OtlpTarget, otlp_plan};
use tracer_factory_core::http::{HttpSender, HttpTarget};

use crate::agent::AgentDestination;
use crate::collector::CollectorDestination;
use crate::config::{COLLECTOR_PATH, Transport, VARIABLE};

/// The `jaeger` backend.
pub const BACKEND: Backend = Backend { name: "jaeger", plan, limits: |_: &mut Limits| {} };

fn plan(config: &TracerConfig) -> Result<Plan, ConfigError> {
    let timeout = config.jaeger.timeout;
    match Transport::from_config(config)? {
        Transport::Agent(endpoint) => Ok(Plan::new(BACKEND.name, endpoint.to_string(), move || {
            Ok(Connected::new(AgentDestination::new(&endpoint, timeout)))
        })),
        Transport::Collector(endpoint) => {
            let target =
                HttpTarget::new(VARIABLE, endpoint.to_url()).timeout(timeout).usual_path(COLLECTOR_PATH);
            let shown = target.check()?.to_string();
            Ok(Plan::new(BACKEND.name, shown, move || {
                Ok(Connected::new(CollectorDestination::new(HttpSender::new(target)?)))
            }))
        }
        Transport::Otlp(endpoint) => {
            let mut target = OtlpTarget::new(VARIABLE, endpoint.to_url());
            target.timeout = timeout;
            otlp_plan(BACKEND.name, target)
        }
    }
}
