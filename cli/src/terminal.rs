//! Whether standard output may have colours.

use std::ffi::OsStr;
use std::io::{IsTerminal, stdout};

use tracer_factory::console::Style;
use tracer_factory::env::{EnvMap, environment};

/// Colours on a terminal that understands them, unless the user said no.
pub(crate) fn style() -> Style {
    if stdout().is_terminal() && may_colour(&environment()) { Style::coloured() } else { Style::plain() }
}

fn may_colour(environment: &EnvMap) -> bool {
    let refused = environment.get("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && environment.get("TERM") != Some(OsStr::new("dumb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_refused_by_a_variable_or_a_dumb_terminal() {
        let may = |name, value| may_colour(&EnvMap::from_iter([(name, value)]));
        assert!(may("TERM", "xterm") && may("NO_COLOR", ""));
        assert!(!may("TERM", "dumb") && !may("NO_COLOR", "1"));
    }
}
