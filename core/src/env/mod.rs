//! The environment: read once into a map, taken apart by one table, settled into a `TracerConfig`.
//!
//! Precedence: code, then `TRACER_*`, `OTLP_*`, `JAEGER_*`, `ZIPKIN_*` and `AGENTOPS_*`, then
//! `OTEL_*`, then the default. `OTEL_SDK_DISABLED=true` wins over all of them. An empty variable
//! is one that is not set. A bad value is an error; of an `OTEL_*` variable, a warning.

mod destinations;
mod map;
mod pairs;
mod parse;
mod program;
mod recording;
mod resolver;
mod resource;
mod secret_file;
mod secrets;
mod show;
mod state;
mod table;
mod types;
mod unknown;
mod var;
pub mod vars;
mod warning;

#[cfg(test)]
mod tests;

pub use map::{EnvMap, environment};
pub use program::{BackendLimits, Program};
pub use resolver::{Overrode, Setting, Source};
#[cfg(feature = "http")]
pub(crate) use secret_file::{headers_in, token_in};
pub(crate) use state::spool_directory;
pub use table::readme_table;
pub use var::{Kind, Var};
pub use vars::VARS;
pub use warning::Warning;

use crate::config::TracerConfig;
use crate::error::ConfigError;
use resolver::Resolver;

/// What an environment came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resolved {
    /// The configuration; it is valid.
    pub config: TracerConfig,
    /// Every setting with its source.
    pub settings: Vec<Setting>,
    /// What was passed over, for whoever makes a tracer to log once.
    pub warnings: Vec<Warning>,
}

/// A configuration out of an environment, with the source of every setting. All that is wrong with it is one error.
pub fn resolve(map: &EnvMap) -> Result<Resolved, ConfigError> {
    resolve_for(map, &Program::default())
}

/// The same, for a program that registered exporters or has backends with limits of their own.
pub fn resolve_for(map: &EnvMap, program: &Program<'_>) -> Result<Resolved, ConfigError> {
    let mut r = Resolver::new(map);
    let mut config = TracerConfig::default();
    types::tracer_types(&mut r, program, &mut config.tracer_types);
    if let Some(limits) = program.limits {
        config.tracer_types.iter().for_each(|tracer_type| limits(tracer_type, &mut config.limits));
    }
    resource::resource(&mut r, &mut config);
    recording::sampling(&mut r, &mut config);
    recording::instrumentation(&mut r, &mut config);
    let span_bytes = recording::limits(&mut r, &mut config.limits);
    recording::delivery(&mut r, &mut config.delivery);
    recording::check_span_fits_lane(&mut r, &config, span_bytes);
    secrets::redact(&mut r, &mut config.redact);
    secrets::messages(&mut r, &mut config);
    destinations::otlp(&mut r, &mut config.otlp);
    destinations::jaeger(&mut r, &mut config.jaeger);
    destinations::zipkin(&mut r, &mut config.zipkin);
    destinations::console(&mut r, &mut config.console);
    destinations::agent_session(&mut r, &mut config.agent_session);
    secrets::plaintext(&mut r, &mut config);
    ConfigError::gather(r.errors)?;
    // Each value is checked by now; this is for what only the whole can tell.
    config.validate()?;
    Ok(Resolved { config, settings: r.settings, warnings: r.warnings })
}

/// True when `OTEL_SDK_DISABLED` turns tracers off, those that code configures as well.
pub fn is_disabled(map: &EnvMap) -> bool {
    let value = map.get(vars::OTEL_SDK_DISABLED.name).and_then(|value| value.to_str());
    value.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

impl TracerConfig {
    /// The configuration that the process's environment asks for. Logs what was passed over;
    /// [`resolve`] hands it out instead.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_map(&environment())
    }

    /// The same out of a map.
    pub fn from_map(map: &EnvMap) -> Result<Self, ConfigError> {
        let resolved = resolve(map)?;
        for warning in &resolved.warnings {
            tracing::warn!("{warning}");
        }
        Ok(resolved.config)
    }
}
