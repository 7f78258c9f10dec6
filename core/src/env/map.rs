//! The environment as a map: the one place that reads the process's, and what tests use instead.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

/// Variables and their values, as the system has them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvMap(BTreeMap<String, OsString>);

/// Reads the process's environment. Nothing else in this workspace does.
pub fn environment() -> EnvMap {
    std::env::vars_os().collect()
}

impl EnvMap {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(name).map(OsString::as_os_str)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_os_str()))
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for EnvMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let mut map = BTreeMap::new();
        for (name, value) in variables {
            // A name that is not UTF-8 is none of ours; with U+FFFD in it, it still is none.
            let name: OsString = name.into();
            let name = name.to_string_lossy();
            // Windows takes names in any case.
            let name = if cfg!(windows) { name.to_uppercase() } else { name.into_owned() };
            map.insert(name, value.into());
        }
        Self(map)
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for EnvMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_has_names_and_no_values() {
        let map = EnvMap::from_iter([("AGENTOPS_API_KEY", "canary")]);
        assert_eq!(format!("{map:?}"), r#"{"AGENTOPS_API_KEY"}"#);
        assert_eq!(map.get("AGENTOPS_API_KEY"), Some(OsStr::new("canary")));
    }

    #[test]
    fn the_process_environment_is_read() {
        assert!(environment().get("CARGO_MANIFEST_DIR").is_some());
    }
}
