//! Exporters that the program registered by name. The registry is the process's, as `TRACER_TYPE` is.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock};

use opentelemetry_sdk::trace::SpanExporter;
use tracer_factory_core::config::{TracerConfig, TracerType};
use tracer_factory_core::delivery::{Connected, Plan};
use tracer_factory_core::error::ConfigError;

use crate::adapter::{SdkDestination, build};

/// Any error of a factory.
pub type BoxError = Box<dyn Error + Send + Sync>;

type Connect = dyn Fn(&TracerConfig) -> Result<Connected, ConfigError> + Send + Sync;

/// By lower-case name.
static EXPORTERS: RwLock<BTreeMap<String, (&'static str, Arc<Connect>)>> = RwLock::new(BTreeMap::new());

/// Gives an exporter a name that `TRACER_TYPE` takes, in any case. A name registered before is replaced.
///
/// `factory` is called once for each tracer, on a thread of its own from which the delivery thread's
/// tokio runtime can be reached; exporters may be asynchronous or block.
///
/// # Errors
/// When the name is empty, has a space or a comma, or belongs to a built-in backend.
pub fn register_exporter<E, F>(name: &'static str, factory: F) -> Result<(), ConfigError>
where
    E: SpanExporter + 'static,
    F: Fn(&TracerConfig) -> Result<E, BoxError> + Send + Sync + 'static,
{
    if TracerType::from_name(name).is_some() {
        return Err(ConfigError::invalid(
            "the name of an exporter",
            name,
            "it belongs to a built-in backend; take another",
        ));
    }
    if name.is_empty() || name.contains(|c: char| c == ',' || c.is_whitespace()) {
        return Err(ConfigError::invalid(
            "the name of an exporter",
            name,
            "a word without spaces and commas",
        ));
    }
    let connect = move |config: &TracerConfig| {
        let make = || {
            factory(config)
                .map_err(|error| ConfigError::Setup { backend: name.to_owned(), what: error.to_string() })
        };
        Ok(Connected::new(SdkDestination::new(build(name, make)?, name)))
    };
    let mut exporters = EXPORTERS.write().unwrap_or_else(PoisonError::into_inner);
    exporters.insert(name.to_ascii_lowercase(), (name, Arc::new(connect)));
    Ok(())
}

/// A plan for the exporter registered under `name`; `None` when there is none.
pub fn registered(name: &str, config: &TracerConfig) -> Option<Plan> {
    let exporters = EXPORTERS.read().unwrap_or_else(PoisonError::into_inner);
    let (name, connect) = exporters.get(&name.to_ascii_lowercase()).cloned()?;
    let config = config.clone();
    Some(Plan::new(name, name, move || connect(&config)))
}

/// The names registered so far, in alphabetical order.
pub fn registered_names() -> Vec<&'static str> {
    EXPORTERS.read().unwrap_or_else(PoisonError::into_inner).values().map(|(name, _)| *name).collect()
}
