//! `replay`: delivers what a process left on disk.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use tracer_factory::env::environment;
use tracer_factory::{DestinationReport, Report, TracerFactory};

use super::CommandError;

/// Deliver spans that a process left on disk to wherever the environment says traces go now.
///
/// What a receiver refuses because of the key or the path stays where it is, and ends the replay. What it refuses
/// because of what is in it is written to refused/replay.jsonl beside the directories, and counted. Whatever is not
/// delivered makes the command fail; the next one goes on where it stopped.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The directory of one process, or the one that holds several (TRACER_SPOOL_DIR).
    directory: PathBuf,
    /// Seconds after which to stop; what is not delivered by then stays.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    if !arguments.directory.is_dir() {
        return Err(CommandError::NoDirectory(arguments.directory.clone()));
    }
    let deadline = Duration::from_secs(arguments.timeout);
    let report = TracerFactory::replay(&environment(), &arguments.directory, deadline)?;
    let mut out = io::stdout().lock();
    for destination in &report.destinations {
        let recovered = &destination.recovered;
        write!(out, "{} {}: {} spans found", destination.backend, destination.endpoint, recovered.found)?;
        write!(out, ", {} delivered", recovered.delivered)?;
        for (count, what) in [(recovered.rejected, "rejected"), (recovered.pending, "still there")] {
            if count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        for (reason, count) in &recovered.dropped {
            write!(out, ", {count} dropped ({reason})")?;
        }
        writeln!(out)?;
    }
    out.flush()?;
    let failures = failures(&report);
    if failures.is_empty() { Ok(()) } else { Err(CommandError::NotReplayed(failures.join("; "))) }
}

/// What did not arrive, and where it is.
fn failures(report: &Report) -> Vec<String> {
    let why = |destination: &DestinationReport| {
        destination.last_error.as_ref().map_or_else(String::new, |error| format!(" ({error})"))
    };
    let mut failures = Vec::new();
    for destination in &report.destinations {
        let recovered = &destination.recovered;
        if recovered.pending > 0 {
            let why = why(destination);
            failures
                .push(format!("{} spans could not be delivered and are still there{why}", recovered.pending));
        }
        if recovered.rejected > 0 {
            let file = report.refused_in.as_ref();
            let kept = file.map_or_else(String::new, |file| format!(" and are in {}", file.display()));
            failures.push(format!(
                "{} spans were refused for good{kept}{}",
                recovered.rejected,
                why(destination)
            ));
        }
        let dropped: u64 = recovered.dropped.values().sum();
        if dropped > 0 {
            failures.push(format!("{dropped} spans are lost"));
        }
    }
    failures.extend(report.unread.iter().cloned());
    failures
}
