//! `replay`: delivers what a process left on disk.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use tracer_factory::TracerFactory;
use tracer_factory::env::environment;

use super::CommandError;

/// Deliver spans that a process left on disk to wherever the environment says traces go now.
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
    let (mut out, mut pending) = (io::stdout().lock(), 0);
    for destination in &report.destinations {
        let recovered = &destination.recovered;
        pending += recovered.pending;
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
        match destination.last_error.as_ref().filter(|_| recovered.delivered < recovered.found) {
            Some(error) => writeln!(out, " ({error})")?,
            None => writeln!(out)?,
        }
    }
    out.flush()?;
    if pending > 0 { Err(CommandError::NotReplayed { pending }) } else { Ok(()) }
}
