//! The manifests in `k8s/` set variables that exist, to values that are allowed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use tracer_factory::env::{EnvMap, VARS};
use tracer_factory::{TracerFactory, TracerType};

/// The variables that a manifest sets; those that come from the downward API have a stand-in.
fn variables(file: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("k8s").join(file)).unwrap();
    let mut variables: Vec<(String, String)> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some((name, value)) = line.strip_prefix("- ").and_then(|pair| pair.split_once('=')) {
            variables.push((name.to_owned(), value.to_owned()));
        } else if let Some(name) = line.strip_prefix("- name: ").filter(|name| name.contains('_')) {
            variables.push((name.to_owned(), "from-the-downward-api".to_owned()));
        } else if let (Some(value), Some(last)) = (line.strip_prefix("value: "), variables.last_mut()) {
            last.1 = value.trim_matches('"').to_owned();
        }
    }
    variables
}

#[test]
fn manifests_are_accepted() {
    for (file, tracer_type, at_least) in
        [("worker.yaml", TracerType::Jaeger, 8), ("compose-zipkin.yaml", TracerType::Zipkin, 2)]
    {
        let variables = variables(file);
        assert!(variables.len() >= at_least, "{file}: {variables:?}");
        for (name, _) in &variables {
            assert!(VARS.iter().any(|var| var.name == name), "{file} sets {name}, which nobody reads");
        }
        let resolved = TracerFactory::resolve(&EnvMap::from_iter(variables)).unwrap();
        assert_eq!(resolved.config.tracer_types, [tracer_type], "{file}");
        assert!(resolved.warnings.is_empty(), "{file}: {:?}", resolved.warnings);
    }
}
