//! Where spools go unless told otherwise: the user's directory for state.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Below `$XDG_STATE_HOME`, else below `$HOME/.local/state`, else nowhere. Relative paths don't count, as the base
/// directory specification has it.
pub(crate) fn default_base(xdg_state_home: Option<&OsStr>, home: Option<&OsStr>) -> Option<PathBuf> {
    let absolute =
        |value: Option<&OsStr>| value.map(Path::new).filter(|path| path.is_absolute()).map(Path::to_owned);
    let state =
        absolute(xdg_state_home).or_else(|| absolute(home).map(|home| home.join(".local").join("state")))?;
    Some(state.join("tracer-factory").join("spool"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(xdg: Option<&str>, home: Option<&str>) -> Option<PathBuf> {
        default_base(xdg.map(OsStr::new), home.map(OsStr::new))
    }

    #[cfg(unix)]
    #[test]
    fn the_state_directory_comes_first() {
        assert_eq!(base(Some("/state"), Some("/home/u")), Some("/state/tracer-factory/spool".into()));
        let in_home = Some(PathBuf::from("/home/u/.local/state/tracer-factory/spool"));
        assert_eq!(base(None, Some("/home/u")), in_home);
        assert_eq!(base(Some(""), Some("/home/u")), in_home);
        assert_eq!(base(Some("state"), Some("/home/u")), in_home);
    }

    #[test]
    fn without_a_home_there_is_none() {
        assert_eq!(base(None, None), None);
        assert_eq!(base(None, Some("")), None);
        assert_eq!(base(Some("state"), Some("home")), None);
    }
}
