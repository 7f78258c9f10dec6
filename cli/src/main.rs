//! The command `tracer-factory`: the demo, the trace server, and what an environment comes to.

mod commands;
mod demo;
mod stop_signal;
mod terminal;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tracer_factory::env::environment;
use tracing_subscriber::EnvFilter;

/// One environment variable decides where a worker's traces go.
#[derive(Debug, Parser)]
#[command(name = "tracer-factory", version)]
struct Arguments {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr();
    match arguments.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough, as with `| head`.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Warnings of the libraries, or what `RUST_LOG` asks for. Standard output belongs to the commands.
fn log_to_stderr() {
    let filter = environment().get("RUST_LOG").and_then(|filter| EnvFilter::try_new(filter.to_str()?).ok());
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .init();
}
