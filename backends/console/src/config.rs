//! From the configuration to a plan: which stream, which form, and whether it may have colours.

use std::ffi::OsStr;
use std::io::{self, IsTerminal};

use tracer_factory_core::config::{ConsoleFormat, TracerConfig};
use tracer_factory_core::delivery::{Connected, Plan};
use tracer_factory_core::error::ConfigError;

use crate::destination::ConsoleDestination;
use crate::tree::Style;

/// Nothing of this configuration can be wrong; the streams are looked at when connecting.
pub(crate) fn plan(config: &TracerConfig) -> Result<Plan, ConfigError> {
    let format = config.console.format;
    if config.console.stderr {
        Ok(Plan::new("console", "stderr", move || Ok(connect(io::stderr(), "stderr", format))))
    } else {
        Ok(Plan::new("console", "stdout", move || Ok(connect(io::stdout(), "stdout", format))))
    }
}

fn connect<W>(stream: W, name: &'static str, format: ConsoleFormat) -> Connected
where
    W: io::Write + IsTerminal + Send + 'static,
{
    // These two describe the terminal and not the tracer, so they are no settings of ours.
    let colour = may_colour(
        stream.is_terminal(),
        std::env::var_os("NO_COLOR").as_deref(),
        std::env::var_os("TERM").as_deref(),
    );
    let style = if colour { Style::coloured() } else { Style::plain() };
    Connected::new(ConsoleDestination::new(stream, name, format, style))
}

/// Only on a terminal that understands colours, and not when the user said no (with anything but an empty value).
fn may_colour(terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    terminal && no_color.is_none_or(OsStr::is_empty) && term != Some(OsStr::new("dumb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_need_a_terminal_and_no_objection() {
        let on = OsStr::new("1");
        assert!(may_colour(true, None, Some(OsStr::new("xterm"))));
        assert!(may_colour(true, Some(OsStr::new("")), None));
        assert!(!may_colour(true, Some(on), None));
        assert!(!may_colour(true, None, Some(OsStr::new("dumb"))));
        assert!(!may_colour(false, None, None));
    }

    #[test]
    fn the_plan_names_the_stream() {
        let mut config = TracerConfig::default();
        assert_eq!(plan(&config).unwrap().endpoint, "stdout");
        config.console.stderr = true;
        assert_eq!(plan(&config).unwrap().endpoint, "stderr");
    }
}
