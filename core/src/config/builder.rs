//! `TracerConfig` by method calls, for the settings programs usually give in code.

use super::{TracerConfig, TracerType};
use crate::propagation::Propagator;

/// Builds a [`TracerConfig`]; whatever is not said keeps its default.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct TracerConfigBuilder {
    config: TracerConfig,
    typed: bool,
}

/// Starts from what is there; the first `tracer_type` replaces its types.
impl From<TracerConfig> for TracerConfigBuilder {
    fn from(config: TracerConfig) -> Self {
        Self { config, typed: false }
    }
}

impl TracerConfigBuilder {
    /// A destination. Said again, spans go to each of them.
    pub fn tracer_type(mut self, tracer_type: TracerType) -> Self {
        if !std::mem::replace(&mut self.typed, true) {
            self.config.tracer_types.clear();
        }
        if !self.config.tracer_types.contains(&tracer_type) {
            self.config.tracer_types.push(tracer_type);
        }
        self
    }

    /// `service.name`.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.config.service_name = name.into();
        self
    }

    /// `service.version`.
    pub fn service_version(mut self, version: impl Into<String>) -> Self {
        self.config.service_version = Some(version.into());
        self
    }

    /// `deployment.environment.name`.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.config.environment = Some(environment.into());
        self
    }

    /// The project that spans are filed under.
    pub fn project(mut self, project: impl Into<String>) -> Self {
        self.config.project = Some(project.into());
        self
    }

    /// One more attribute of the resource.
    pub fn resource_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.resource_attributes.push((key.into(), value.into()));
        self
    }

    /// The share of new traces that are recorded, 0 to 1.
    pub fn sampling_rate(mut self, rate: f64) -> Self {
        self.config.sampling_rate = rate;
        self
    }

    /// Header formats, in the order they are tried.
    pub fn propagators(mut self, propagators: impl IntoIterator<Item = Propagator>) -> Self {
        self.config.propagators = propagators.into_iter().collect();
        self
    }

    /// Base or full URL of the OTLP receiver.
    pub fn otlp_endpoint(mut self, url: impl Into<String>) -> Self {
        self.config.otlp.endpoint = Some(url.into());
        self
    }

    /// URL of Jaeger's collector or agent.
    pub fn jaeger_endpoint(mut self, url: impl Into<String>) -> Self {
        self.config.jaeger.endpoint = url.into();
        self
    }

    /// URL of Zipkin's v2 collector.
    pub fn zipkin_endpoint(mut self, url: impl Into<String>) -> Self {
        self.config.zipkin.endpoint = url.into();
        self
    }

    /// Anything else, by its field.
    pub fn with(mut self, change: impl FnOnce(&mut TracerConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// The configuration. It is checked when a tracer is made from it.
    pub fn build(self) -> TracerConfig {
        self.config
    }
}
