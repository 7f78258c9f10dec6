//! `cargo xtask provision`: gets the real servers that tests run against, each by its recipe, into
//! the cache. This file knows the recipes and checks that their tools are there.

mod agent_lightning;
pub(crate) mod cache;
mod collector;
mod go;
mod jaeger;
mod phoenix;
mod python;
mod tools;
pub(crate) mod workshop;
mod zipkin;

use anyhow::{Context as _, Result};
use tracer_factory_testkit::layout::Backend;

use self::cache::Cache;
use self::tools::Tool;
use self::workshop::{Control, Workshop};

/// How one backend gets into the cache.
pub(crate) struct Recipe {
    backend: Backend,
    /// What the result depends on. It is kept beside the result; a recipe that has changed since
    /// is built anew.
    fingerprint: String,
    /// Needed to build it.
    builds_with: &'static [Tool],
    /// Needed to run what was built.
    runs_with: &'static [Tool],
    build: fn(&Workshop<'_>) -> Result<()>,
}

impl Recipe {
    fn of(backend: Backend) -> Self {
        match backend {
            Backend::Zipkin => zipkin::recipe(),
            Backend::AgentLightning => agent_lightning::recipe(),
            Backend::Phoenix => phoenix::recipe(),
            Backend::Collector => collector::recipe(),
            Backend::Jaeger => jaeger::recipe(),
        }
    }
}

/// The command itself.
pub(crate) fn run(backends: &[Backend]) -> Result<()> {
    let cache = Cache::open()?;
    check_tools(&cache, backends, false)?;
    provision(&cache, backends, &Control::in_foreground())
}

/// Puts those of `backends` into the cache that are not there.
pub(crate) fn provision(cache: &Cache, backends: &[Backend], control: &Control) -> Result<()> {
    for &backend in backends {
        cache.fill(&Recipe::of(backend), control).with_context(|| format!("cannot provision {backend}"))?;
    }
    Ok(())
}

/// Refuses if a tool is missing that something still to be built needs or, with `to_run`, that
/// anything provisioned needs to run.
pub(crate) fn check_tools(cache: &Cache, backends: &[Backend], to_run: bool) -> Result<()> {
    let mut uses = Vec::new();
    for &backend in backends {
        let recipe = Recipe::of(backend);
        if !cache.holds(&recipe) {
            uses.extend(recipe.builds_with.iter().map(|tool| (tool, backend)));
        }
        if to_run {
            uses.extend(recipe.runs_with.iter().map(|tool| (tool, backend)));
        }
    }
    tools::check(&uses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_build_the_versions_that_the_launchers_expect() {
        for backend in Backend::ALL {
            let recipe = Recipe::of(backend);
            assert_eq!(recipe.backend, backend);
            assert!(recipe.fingerprint.contains(backend.version()), "{backend} builds another version");
        }
    }
}
