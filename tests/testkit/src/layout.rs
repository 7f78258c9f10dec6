//! The cache of provisioned servers: which there are, at which versions, and where each one lies.
//! `xtask` fills it and the launchers read it, so that both take names and versions from here.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A real server, or another's program, that tests can run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Zipkin's own server.
    Zipkin,
    /// agent-lightning's Python package, whose adapter makes triplets.
    AgentLightning,
    /// Arize Phoenix, which shows traces of language models.
    Phoenix,
    /// An OpenTelemetry Collector with a handful of components.
    Collector,
    /// Jaeger v2.
    Jaeger,
}

impl Backend {
    /// All of them, the quickest to provision first.
    pub const ALL: [Self; 5] =
        [Self::Zipkin, Self::AgentLightning, Self::Phoenix, Self::Collector, Self::Jaeger];

    /// The name on the command line and in the cache.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zipkin => "zipkin",
            Self::AgentLightning => "agent-lightning",
            Self::Phoenix => "phoenix",
            Self::Collector => "collector",
            Self::Jaeger => "jaeger",
        }
    }

    /// The version that is provisioned and started.
    pub const fn version(self) -> &'static str {
        match self {
            Self::Zipkin => "3.6.1",
            Self::AgentLightning => "0.3.0",
            Self::Phoenix => "20.26.1",
            Self::Collector => "0.160.0",
            Self::Jaeger => "1.76.0",
        }
    }

    /// The folder of this backend. It exists only when it is complete.
    pub fn dir(self, cache: &Path) -> PathBuf {
        cache.join(format!("{}-{}", self.name(), self.version()))
    }

    /// The file inside [`dir`](Self::dir) that gets run: a binary, a jar, or an environment's Python.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Zipkin => "zipkin-server.jar",
            Self::AgentLightning | Self::Phoenix => "venv/bin/python",
            Self::Collector => "otelcol",
            Self::Jaeger => "jaeger",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no backend's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownBackend(String);

impl fmt::Display for UnknownBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Backend::ALL.map(Backend::name).join(", ");
        write!(f, "unknown backend `{}`: there are {known}", self.0)
    }
}

impl std::error::Error for UnknownBackend {}

impl FromStr for Backend {
    type Err = UnknownBackend;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or_else(|| UnknownBackend(name.to_owned()))
    }
}

/// The variable that puts the cache somewhere else.
pub const CACHE_VAR: &str = "TF_TEST_CACHE";

/// `$TF_TEST_CACHE`, else `tracer-factory` in the user's cache directory. `None` where the
/// environment names neither of them nor a home.
pub fn cache_root() -> Option<PathBuf> {
    cache_root_from(|name| env::var_os(name).map(PathBuf::from))
}

fn cache_root_from(var: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    if let Some(root) = var(CACHE_VAR).filter(|root| !root.as_os_str().is_empty()) {
        return Some(root);
    }
    // The XDG specification has relative paths ignored.
    let caches = var("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()).or_else(|| {
        let home = var("HOME").filter(|dir| dir.is_absolute())?;
        Some(home.join(".cache"))
    })?;
    Some(caches.join("tracer-factory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(vars: &[(&str, &str)]) -> Option<PathBuf> {
        cache_root_from(|name| {
            vars.iter().find(|(var, _)| *var == name).map(|(_, value)| PathBuf::from(value))
        })
    }

    #[test]
    fn the_cache_is_named_by_its_variable_then_xdg_then_home() {
        let all = [(CACHE_VAR, "/c"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(root(&all), Some("/c".into()));
        assert_eq!(root(&all[1..]), Some("/x/tracer-factory".into()));
        assert_eq!(root(&all[2..]), Some("/h/.cache/tracer-factory".into()));
        assert_eq!(root(&[]), None);
    }

    #[test]
    fn empty_and_relative_values_count_as_unset() {
        let vars = [(CACHE_VAR, ""), ("XDG_CACHE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(root(&vars), Some("/h/.cache/tracer-factory".into()));
    }

    #[test]
    fn every_name_parses_to_its_backend() {
        for backend in Backend::ALL {
            assert_eq!(backend.name().parse(), Ok(backend));
        }
        let unknown = "tempo".parse::<Backend>().unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "unknown backend `tempo`: there are zipkin, agent-lightning, phoenix, collector, jaeger"
        );
    }
}
