//! The environment as a whole: precedence, destinations, bad input, and that every variable counts.

mod hostile;
mod precedence;
mod secrets;
mod table;
mod types;

use super::{EnvMap, Resolved, Setting, resolve};
use crate::config::TracerConfig;

pub(super) fn resolved(variables: &[(&str, &str)]) -> Resolved {
    resolve(&variables.iter().copied().collect()).unwrap_or_else(|error| panic!("{variables:?}: {error}"))
}

pub(super) fn config(variables: &[(&str, &str)]) -> TracerConfig {
    let resolved = resolved(variables);
    assert_eq!(resolved.warnings, [], "{variables:?}");
    resolved.config
}

pub(super) fn error(variables: &[(&str, &str)]) -> String {
    let map: EnvMap = variables.iter().copied().collect();
    resolve(&map).err().unwrap_or_else(|| panic!("{variables:?} was taken")).to_string()
}

pub(super) fn setting<'a>(resolved: &'a Resolved, name: &str) -> &'a Setting {
    let found: Vec<_> = resolved.settings.iter().filter(|setting| setting.name == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    found[0]
}
