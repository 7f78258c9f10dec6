//! `explain`: every setting, its value, where it is from, and what it overrode.

use std::io::{self, Write};

use serde::Serialize;
use tracer_factory::TracerFactory;
use tracer_factory::env::{Resolved, Setting, environment};

use super::CommandError;

/// Show every setting, its value, its source, and what it overrode.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    let resolved = TracerFactory::resolve(&environment())?;
    let text = if arguments.json { json(&resolved) } else { table(&resolved) };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

#[derive(Serialize)]
struct Explained<'a> {
    settings: Vec<ExplainedSetting<'a>>,
    warnings: Vec<ExplainedWarning<'a>>,
}

#[derive(Serialize)]
struct ExplainedSetting<'a> {
    name: &'a str,
    value: &'a str,
    /// A variable, or `default`.
    source: String,
    overrode: Vec<ExplainedVariable<'a>>,
}

#[derive(Serialize)]
struct ExplainedVariable<'a> {
    variable: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct ExplainedWarning<'a> {
    variable: &'a str,
    text: String,
}

fn json(resolved: &Resolved) -> String {
    let settings = resolved.settings.iter().map(|setting| ExplainedSetting {
        name: &setting.name,
        value: &setting.value,
        source: setting.source.to_string(),
        overrode: (setting.overrode.iter())
            .map(|loser| ExplainedVariable { variable: loser.variable, value: &loser.value })
            .collect(),
    });
    let warnings = resolved
        .warnings
        .iter()
        .map(|warning| ExplainedWarning { variable: warning.variable(), text: warning.to_string() });
    let explained = Explained { settings: settings.collect(), warnings: warnings.collect() };
    // Texts in structures: there is nothing in it that JSON can't say.
    let text = serde_json::to_string_pretty(&explained).unwrap_or_default();
    text + "\n"
}

/// Wider cells than this push what is right of them, so that one long URL does not stretch every line.
const WIDEST: usize = 44;

fn table(resolved: &Resolved) -> String {
    let mut rows = vec![["SETTING", "VALUE", "SOURCE", "OVERRODE"].map(str::to_owned)];
    rows.extend(resolved.settings.iter().map(row));
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).filter(|width| *width <= WIDEST).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), 0];
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    for warning in &resolved.warnings {
        text.push_str(&format!("\nwarning: {}\n", printable(&warning.to_string())));
    }
    text
}

fn row(setting: &Setting) -> [String; 4] {
    let overrode = setting.overrode.iter().map(|loser| format!("{}={}", loser.variable, loser.value));
    let overrode = overrode.collect::<Vec<_>>().join(", ");
    [&*setting.name, &*setting.value, &*setting.source.to_string(), &*overrode].map(printable)
}

/// Without what commands a terminal.
fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use tracer_factory::env::EnvMap;

    use super::*;

    fn resolved() -> Resolved {
        let map = EnvMap::from_iter([
            ("TRACER_TYPE", "zipkin"),
            ("TRACER_SERVICE_NAME", "worker"),
            ("OTEL_SERVICE_NAME", "other"),
            ("AGENTOPS_API_KEY", "canary"),
            ("OTEL_BSP_SCHEDULE_DELAY", "soon"),
        ]);
        TracerFactory::resolve(&map).unwrap()
    }

    #[test]
    fn the_table_has_value_source_and_what_was_overridden() {
        let table = table(&resolved());
        let cells = |name: &str| {
            let line = table.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(cells("tracer_types")[1..], ["zipkin", "TRACER_TYPE"]);
        assert_eq!(cells("sampling_rate")[1..], ["1", "default"]);
        assert!(table.contains("OTEL_SERVICE_NAME=other"), "{table}");
        assert!(table.contains("warning: OTEL_BSP_SCHEDULE_DELAY"), "{table}");
        assert!(!table.contains("canary"), "{table}");
    }

    #[test]
    fn nothing_commands_the_terminal() {
        assert_eq!(printable("é \u{1b}[2J\n"), r"é \u{1b}[2J\n");
    }

    #[test]
    fn json_says_the_same() {
        let resolved = resolved();
        let json = json(&resolved);
        assert!(!json.contains("canary"), "{json}");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let settings = json["settings"].as_array().unwrap();
        assert_eq!(settings.len(), resolved.settings.len());
        let service = settings.iter().find(|setting| setting["name"] == "service_name").unwrap();
        assert_eq!(service["value"], "worker");
        assert_eq!(service["overrode"][0]["variable"], "OTEL_SERVICE_NAME");
        assert_eq!(json["warnings"][0]["variable"], "OTEL_BSP_SCHEDULE_DELAY");
    }
}
