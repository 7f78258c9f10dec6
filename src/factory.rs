//! From a configuration to a tracer.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tracer_factory_core::config::{Limits, TracerConfig, TracerType};
use tracer_factory_core::delivery::Plan;
use tracer_factory_core::env::{EnvMap, Program, Resolved, environment, is_disabled, resolve_for};
use tracer_factory_core::error::ConfigError;
use tracer_factory_core::recording::RecordingTracer;
use tracer_factory_core::report::Report;
use tracer_factory_core::tracer::BaseTracer;
use tracer_factory_noop::NoOpTracer;

use crate::registry;

/// Makes tracers.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracerFactory;

impl TracerFactory {
    /// A tracer for the types that `config` names: with several, each destination receives every span.
    ///
    /// `OTEL_SDK_DISABLED=true` in the environment wins over any configuration. Limits that were left at their defaults
    /// become those of the backends.
    ///
    /// # Errors
    /// Names the setting that is wrong, the feature that is missing, or the piece that could not be set up.
    pub fn create_tracer(config: &TracerConfig) -> Result<Arc<dyn BaseTracer>, ConfigError> {
        config.validate()?;
        let mut config = config.clone();
        if is_disabled(&environment()) {
            config.tracer_types = vec![TracerType::NoOp];
        }
        if config.limits == Limits::default() {
            for tracer_type in &config.tracer_types {
                backend_limits(tracer_type, &mut config.limits);
            }
        }
        create(&config)
    }

    /// A tracer for this environment.
    ///
    /// # Errors
    /// Names every variable that is wrong, what it got (never a secret) and what is allowed.
    pub fn create_tracer_from(map: &EnvMap) -> Result<Arc<dyn BaseTracer>, ConfigError> {
        let resolved = Self::resolve(map)?;
        for warning in &resolved.warnings {
            tracing::warn!(variable = warning.variable(), "{warning}");
        }
        create(&resolved.config)
    }

    /// Delivers what a process left in `directory`, or in the directories below it, to wherever this environment sends
    /// traces, within `deadline`. The figures are under `recovered`.
    ///
    /// # Errors
    /// As [`create_tracer_from`](Self::create_tracer_from).
    pub fn replay(map: &EnvMap, directory: &Path, deadline: Duration) -> Result<Report, ConfigError> {
        let config = Self::resolve(map)?.config;
        tracer_factory_core::replay::replay(&config, plans(&config)?, directory, deadline)
    }

    /// What an environment means in this build: with its backends' own defaults and the registered exporters.
    ///
    /// # Errors
    /// As [`create_tracer_from`](Self::create_tracer_from).
    pub fn resolve(map: &EnvMap) -> Result<Resolved, ConfigError> {
        let registered = registered_names();
        resolve_for(map, &Program::default().registered(&registered).limits(&backend_limits))
    }
}

/// A tracer for the types that `config` names.
///
/// # Errors
/// Names the setting that is wrong, the feature that is missing, or the piece that could not be set up.
pub fn create_tracer(config: TracerConfig) -> Result<Arc<dyn BaseTracer>, ConfigError> {
    TracerFactory::create_tracer(&config)
}

/// A tracer for the process's environment, each time a new one.
pub(crate) fn create_from_process() -> Result<Arc<dyn BaseTracer>, ConfigError> {
    TracerFactory::create_tracer_from(&environment())
}

fn create(config: &TracerConfig) -> Result<Arc<dyn BaseTracer>, ConfigError> {
    if config.tracer_types == [TracerType::NoOp] {
        return Ok(Arc::new(NoOpTracer::new(config)?));
    }
    Ok(Arc::new(RecordingTracer::with_planner(config, plans)?))
}

fn plans(config: &TracerConfig) -> Result<Vec<Plan>, ConfigError> {
    let recording = config.tracer_types.iter().filter(|kind| **kind != TracerType::NoOp);
    recording.map(|kind| plan(kind, config)).collect()
}

fn plan(tracer_type: &TracerType, config: &TracerConfig) -> Result<Plan, ConfigError> {
    if let TracerType::Registered(name) = tracer_type {
        return registered_plan(name, config);
    }
    (registry::backend(tracer_type)?.plan)(config)
}

fn backend_limits(tracer_type: &TracerType, limits: &mut Limits) {
    if let Ok(backend) = registry::backend(tracer_type) {
        (backend.limits)(limits);
    }
}

#[cfg(feature = "sdk")]
fn registered_names() -> Vec<String> {
    tracer_factory_sdk::registered_names().into_iter().map(str::to_owned).collect()
}

#[cfg(not(feature = "sdk"))]
fn registered_names() -> Vec<String> {
    Vec::new()
}

#[cfg(feature = "sdk")]
fn registered_plan(name: &str, config: &TracerConfig) -> Result<Plan, ConfigError> {
    tracer_factory_sdk::registered(name, config).ok_or_else(|| unknown(name))
}

#[cfg(not(feature = "sdk"))]
fn registered_plan(name: &str, _config: &TracerConfig) -> Result<Plan, ConfigError> {
    Err(unknown(name))
}

fn unknown(name: &str) -> ConfigError {
    let names: Vec<_> = registry::BACKENDS.iter().map(|backend| backend.name.to_owned()).collect();
    let known =
        names.into_iter().chain(["noop".to_owned()]).chain(registered_names()).collect::<Vec<_>>().join(", ");
    ConfigError::invalid("TRACER_TYPE", name, format!("one of {known}"))
}
