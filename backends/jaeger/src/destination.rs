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

/// What Jaeger's collector answers to whatever goes wrong behind its receiver, a full queue among it.
const ALSO_RETRIED: &[u16] = &[500];

fn plan(config: &TracerConfig) -> Result<Plan, ConfigError> {
    let (timeout, tls) = (config.jaeger.timeout, config.jaeger.tls.clone());
    match Transport::from_config(config)? {
        Transport::Agent(endpoint) => Ok(Plan::new(BACKEND.name, endpoint.to_string(), move || {
            Ok(Connected::new(AgentDestination::new(&endpoint, timeout)))
        })
        .networked()),
        Transport::Collector(endpoint) => {
            let shown = endpoint.to_string();
            let target = HttpTarget::new(VARIABLE, endpoint)
                .timeout(timeout)
                .tls(tls)
                .usual_path(COLLECTOR_PATH)
                .also_retried(ALSO_RETRIED);
            target.check()?;
            Ok(Plan::new(BACKEND.name, shown, move || {
                Ok(Connected::new(CollectorDestination::new(HttpSender::new(target)?)))
            })
            .networked())
        }
        Transport::Otlp(endpoint) => {
            let mut target = OtlpTarget::new(VARIABLE, endpoint).tls(tls);
            target.timeout = timeout;
            otlp_plan(BACKEND.name, target)
        }
    }
}
