//! The resource of a configuration: who the spans are from.

use crate::config::TracerConfig;
use crate::redact::Redactor;
use crate::span::Resource;
use crate::value::Value;

/// Later sources win: what the SDK knows, the configured attributes, then the settings with names of their own.
pub(crate) fn from_config(config: &TracerConfig) -> Resource {
    let mut resource = Resource::default();
    let mut set = |key: &str, value: Value| match resource.attributes.iter_mut().find(|(k, _)| k == key) {
        Some((_, old)) => *old = value,
        None => resource.attributes.push((key.to_owned(), value)),
    };
    set("service.name", Value::from(config.service_name.clone()));
    set("telemetry.sdk.name", Value::from("tracer-factory"));
    set("telemetry.sdk.language", Value::from("rust"));
    set("telemetry.sdk.version", Value::from(env!("CARGO_PKG_VERSION")));
    set("process.pid", Value::from(std::process::id()));
    for (key, value) in &config.resource_attributes {
        set(key, Value::from(value.clone()));
    }
    set("service.name", Value::from(config.service_name.clone()));
    let named = [
        ("service.version", &config.service_version),
        ("deployment.environment.name", &config.environment),
        ("project.name", &config.project),
        ("openinference.project.name", &config.project),
    ];
    for (key, value) in named {
        if let Some(value) = value {
            set(key, Value::from(value.clone()));
        }
    }
    let rules = Redactor::new(&config.redact);
    for (key, value) in &mut resource.attributes {
        if let Some(clean) = rules.value_of(key, value) {
            *value = clean;
        }
    }
    resource
}
